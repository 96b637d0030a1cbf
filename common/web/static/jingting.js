// What a page does beyond plain forms and links: it stays live, it says when it is not, and it knows some keys.
"use strict";
(() => {
  const live = document.getElementById("live");
  if (!live) return;
  const stale = document.getElementById("stale");
  const STALE_MS = 15000; // three heartbeats
  const SECOND_STEP_MS = 500; // a double click must not take two steps of a call
  const STAY_MS = 10000; // how often at most a touched screen says that somebody is there

  const now = () => performance.now();
  let source;
  let freshAt = now();
  let fetching = false;
  let askedAgain = false;
  let pressing = false;
  let postponed = null;
  let shown = null;
  let frame = live.querySelector("[data-frame]")?.dataset.frame;
  let steps = stepsOf(live);
  let stepsAt = now();
  let stayedAt = now();
  let sent = Promise.resolve(); // keys of a number pad: one after the other

  function stepsOf(element) {
    return [...element.querySelectorAll("button")].map((button) => button.id).join();
  }

  function clock(seconds) {
    const two = (n) => String(n).padStart(2, "0");
    const hours = Math.floor(seconds / 3600);
    const minutes = Math.floor(seconds / 60) % 60;
    return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
  }

  function startClocks() {
    for (const element of live.querySelectorAll("[data-age]")) {
      element.startedAt = now() - Number(element.dataset.age) * 1000;
    }
  }

  function tick() {
    for (const element of live.querySelectorAll("[data-age]")) {
      element.textContent = clock(Math.max(0, Math.floor((now() - element.startedAt) / 1000)));
    }
  }

  function show(html) {
    // The ids that forms carry are new each time; alone they are no reason to redraw under somebody's finger.
    const content = html.replace(/name="event_id" value="[^"]*"/g, "");
    if (content === shown) return;
    if (pressing) {
      postponed = html;
      return;
    }
    postponed = null;
    shown = content;
    const framed = html.match(/data-frame="([^"]*)"/); // language and size, of what is around as well
    if (framed && framed[1] !== (frame ??= framed[1])) location.replace("/");
    const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
    live.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
    const again = focused && document.getElementById(focused);
    const first = live.querySelector("[autofocus]");
    if (again) again.focus();
    else if (first && document.activeElement === document.body) first.focus();
    if (stepsOf(live) !== steps) {
      steps = stepsOf(live);
      stepsAt = now();
    }
    const titled = live.querySelector("[data-title]");
    if (titled) document.title = titled.dataset.title;
    startClocks();
  }

  async function refresh() {
    if (fetching) {
      askedAgain = true;
      return;
    }
    fetching = true;
    try {
      do {
        askedAgain = false;
        const response = await fetch(live.dataset.live, { signal: AbortSignal.timeout(5000) });
        if (!response.ok && response.status !== 401) throw new Error(String(response.status));
        show(await response.text());
        freshAt = now();
      } while (askedAgain);
    } catch {
      // Nothing to say yet: the banner does when it lasts.
    } finally {
      fetching = false;
    }
  }

  function connect() {
    if (source) source.close();
    source = new EventSource("/events");
    source.onmessage = refresh;
    source.onerror = refresh; // whoever is signed out is told so
    source.addEventListener("heartbeat", refresh);
  }

  function watch() {
    const isStale = now() - freshAt > STALE_MS;
    if (stale) stale.hidden = !isStale;
    document.body.classList.toggle("is-stale", isStale);
    // A closed stream never comes back by itself; a half-open one does not even know that it is closed.
    if (source.readyState === EventSource.CLOSED || isStale) {
      if (now() - (watch.triedAt || 0) > 3000) {
        watch.triedAt = now();
        connect();
      }
    }
    tick();
  }

  function released() {
    pressing = false;
    // After the click that this release may become.
    setTimeout(() => postponed !== null && show(postponed), 0);
  }

  function post(action, body) {
    return fetch(action, { method: "POST", body, redirect: "manual" }).catch(() => {});
  }

  function touched() {
    const stay = live.querySelector("form[data-stay]");
    if (!stay || now() - stayedAt < STAY_MS) return;
    stayedAt = now();
    post(stay.action, new URLSearchParams(new FormData(stay)));
  }

  document.addEventListener("pointerdown", () => {
    pressing = true;
    touched();
  });
  document.addEventListener("pointerup", released);
  document.addEventListener("pointercancel", released);

  document.addEventListener("submit", (event) => {
    if (event.target.hasAttribute("data-second-step") && now() - stepsAt < SECOND_STEP_MS) event.preventDefault();
    if (!event.target.hasAttribute("data-quick")) return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(event.target, event.submitter));
    sent = sent.then(() => post(event.target.action, body)).then(refresh);
  });

  document.addEventListener("keydown", (event) => {
    touched();
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    const typing = event.target.closest("input, select, textarea");
    const onControl = typing || event.target.closest("a, button, summary");
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const form = live.querySelector("form[data-acknowledge]");
    if (form && ((key === "a" && !typing) || (key === "Enter" && !onControl))) {
      event.preventDefault();
      form.requestSubmit();
      return;
    }
    if (typing && key !== "Escape") return;
    const named = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (!named) return;
    event.preventDefault();
    if (named.tagName === "INPUT") named.focus();
    else named.click();
    const first = named.tagName === "SUMMARY" && named.parentElement.querySelector("form input:not([type=hidden]), form textarea");
    if (first) first.focus();
  });

  startClocks();
  connect();
  setInterval(watch, 1000);
})();
