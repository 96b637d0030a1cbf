"""The eyes that look at every page see what is wrong: each of these pages has one fault, and the first none."""

from browser_rig import FINDINGS, chromium
from looks import CITIZEN
from playwright.async_api import async_playwright

STYLE = """
body { margin: 0; font: 24px "Noto Sans CJK SC"; color: #000 }
button { font: inherit }
.a, .b, .c { position: fixed; left: 0; top: 100px; width: 90px; height: 60px; background: #fff }
.b { left: 101px }
.c { left: -20px }
"""
GOOD = '<button class="a">好</button>'


def page(body: str) -> str:
    return f'<!doctype html><html lang="zh-CN"><style>{STYLE}</style><body>{body}'


FAULTS = {
    GOOD: [],
    '<button style="width:59px; height:80px">好</button>': ["is 59 × 80 px: less than 60"],
    f'{GOOD}<button class="b">坏</button>': ["11 px apart"],
    '<p style="font-size:21px">小</p>': ["is 21 px: less than 22"],
    '<p style="color:#767676">淡</p>': ["has a contrast of 4.54: less than 7"],
    '<div style="background:#000"><p style="color:#222">暗</p></div>': ["has a contrast of 1.3"],
    '<div style="opacity:.4"><p>透明</p></div>': ["has a contrast of"],
    '<p style="background:linear-gradient(#fff, #333)">渐变</p>': ["has a contrast of"],
    '<p style="color:rgb(0 0 0 / 50%)">半透明</p>': ["has a contrast of 4.00"],
    '<p style="width:60px; overflow:hidden; white-space:nowrap">剪掉的文字</p>': ["leaves", "px wide inside 60"],
    '<div style="height:60px; width:90px; border:1px solid">框里<br>写不下<br>的文字</div>': ["leaves"],
    '<div style="height:60px; overflow:auto">要滚动<br>才能看见<br>的文字</div>': ["leaves", "px high inside 60"],
    '<p style="width:2000px">宽</p>': ["the page is 2000 px wide"],
    '<p style="height:2000px">高</p>': ["the page is 2048 px high"],
    '<p>上面</p><p style="position:absolute; top:9px">下面</p>': ["lie on each other"],
    f'{GOOD}<div class="a"></div>': ["covered"],
    '<button class="c">外</button>': ["not wholly on the screen"],
    "<p>䶮㛃·𠮷</p>": [],
    "<p>\u0378</p>": ["the fonts have no"],
}


async def test_every_fault_is_seen_and_no_other():
    async with async_playwright() as playwright:
        browser = await chromium(playwright)
        shown = await (await browser.new_context(viewport={"width": 1024, "height": 600})).new_page()
        for body, words in FAULTS.items():
            await shown.set_content(page(body))
            found = (await shown.evaluate(FINDINGS, CITIZEN))["found"]
            assert all(any(word in one for one in found) for word in words), (body, found)
            assert all(any(word in one for word in words) for one in found), (body, found)
        await browser.close()
