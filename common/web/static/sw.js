// The page that stands in for the station while it does not answer. STAMP and FILES stand before this text.
addEventListener("install", (event) => {
  event.waitUntil(caches.open(STAMP).then((kept) => kept.addAll(FILES)).then(() => skipWaiting()));
});
addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => Promise.all(names.filter((name) => name !== STAMP).map((name) => caches.delete(name))));
  event.waitUntil(old.then(() => clients.claim()));
});
addEventListener("fetch", (event) => {
  const { request } = event, { pathname: path, search } = new URL(request.url);
  if (request.mode === "navigate") {
    if (path === "/" || request.method === "POST") event.respondWith(answered(request, path));
  } else if (FILES.includes(path + search)) event.respondWith(caches.match(request).then((kept) => kept ?? fetch(request)));
});

async function answered(request, path) {
  const copy = request.clone(), late = new Promise((_, refuse) => setTimeout(refuse, 4000));
  return Promise.race([fetch(request), late]).catch(() => standIn(copy, path));
}

async function standIn(request, path) {
  const form = request.method === "POST" ? await request.formData().catch(() => null) : null;
  const lost = path === "/help" ? "help" : (form && path !== "/end") || request.url.endsWith("?lost=form") ? "form" : "page";
  // A press that is repeated until the station hears it has one id, so that it is heard once.
  const id = /^[0-9a-f-]{36}$/.exec(form?.get("event_id"))?.[0] ?? crypto.randomUUID();
  const page = await caches.match("/down"), text = await page.text();
  const told = text.replace('data-lost=""', `data-lost="${lost}"`).replace('name="event_id" value=""', `name="event_id" value="${id}"`);
  return new Response(told, { headers: page.headers });
}
