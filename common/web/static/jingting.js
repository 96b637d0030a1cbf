// What a page does beyond plain forms and links: it stays live, it says when it is not, and it knows some keys.
"use strict";
(() => {
  if (document.body.dataset.lost !== undefined) return comeBack();
  const live = document.getElementById("live");
  if (!live) return;
  const stale = document.getElementById("stale"), worker = live.dataset.worker; // the citizen's screen has one: what the browser shows when nobody answers
  const STALE_MS = 15000; // three heartbeats
  const GONE_MS = 3000; // so long may the station be away before the citizen's screen says so
  const ANSWER_MS = 6000; // so long a form waits to be answered
  const SECOND_STEP_MS = 500; // a double click must not take two steps of a call
  const STAY_MS = 10000; // how often at most a touched screen says that somebody is there
  const LEFT_MS = 95000; // then the citizen's screen is erased, should the station not have done so
  const now = () => performance.now();
  const stepsOf = (element) => [...element.querySelectorAll("button")].map((button) => button.id).join();
  const standIn = (lost) => navigator.serviceWorker?.controller && replaced(lost);
  const late = () => postponed !== null && show(postponed); // after the click that a release may become
  let source, postponed = null, shown = null, leaving = false, turn = 0;
  let freshAt = now(), failingAt = 0, triedAt = 0, touchedAt = now(), stayedAt = 0, goneAt = -ANSWER_MS;
  let fetching = false, askedAgain = false, pressing = false, steps = stepsOf(live), stepsAt = now();
  let sent = Promise.resolve(), kept = sent; // forms, and what is kept of a draft: one after the other

  function comeBack() { // of the page that stands in for the station; a press that was not sent goes first
    const help = new URLSearchParams(new FormData(document.querySelector("form.help")));
    const [asked, how] = document.body.dataset.lost === "help" ? ["/help", { method: "POST", body: help, redirect: "manual" }] : ["/live", {}];
    fetch(asked, { ...how, signal: AbortSignal.timeout(5000) })
      .then((answer) => answer.ok || answer.type === "opaqueredirect", () => false)
      .then((done) => (done ? location.replace("/") : setTimeout(comeBack, 1000)));
  }

  function tick() {
    for (const element of live.querySelectorAll("[data-age]")) {
      element.startedAt ??= now() - Number(element.dataset.age) * 1000;
      const seconds = Math.max(0, Math.floor((now() - element.startedAt) / 1000));
      const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].slice(seconds < 3600 ? 1 : 0);
      element.textContent = parts.map((part, i) => (i ? String(part).padStart(2, "0") : part)).join(":");
    }
  }

  function show(html) {
    // The ids that forms carry are new each time; alone they are no reason to redraw under somebody's finger.
    const content = html.replace(/name="event_id" value="[^"]*"/g, "");
    if (content !== shown) postponed = pressing ? html : null;
    if (content === shown || pressing) return;
    const body = new DOMParser().parseFromString(html, "text/html").body;
    const frame = body.querySelector("[data-frame]")?.dataset.frame; // look of what is around
    if (frame && live.dataset.frame !== frame) return replaced("");
    shown = content;
    const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
    live.replaceChildren(...body.childNodes);
    const first = document.activeElement === document.body && live.querySelector("[autofocus]");
    ((focused && document.getElementById(focused)) || first || null)?.focus();
    if (stepsOf(live) !== steps) [steps, stepsAt, touchedAt] = [stepsOf(live), now(), now()];
    document.title = live.querySelector("[data-title]")?.dataset.title ?? document.title;
    const [voice, clip] = [document.getElementById("voice"), live.querySelector("[data-clip]")?.dataset.clip];
    if (voice && clip && voice.getAttribute("src") !== clip) voice.src = clip; // it goes on when its page is drawn again
    tick();
  }

  async function refresh() {
    askedAgain = fetching;
    if (fetching) return;
    fetching = true;
    try {
      do {
        askedAgain = false;
        const before = turn; // what was asked for before a form was answered is not shown after that
        const response = await fetch(live.dataset.live, { signal: AbortSignal.timeout(5000) });
        if (!response.ok && response.status !== 401) throw new Error(String(response.status));
        const html = await response.text();
        if (before === turn && !leaving) show(html);
        [freshAt, failingAt] = [now(), 0];
      } while (askedAgain);
    } catch { failingAt ||= now(); } // nothing to say yet: the banner does when it lasts
    fetching = false;
  }

  function connect() {
    triedAt = now();
    source?.close();
    source = new EventSource(`/events?since=${performance.timeOrigin}`); // of many pages those opened last have one
    source.onmessage = source.onerror = refresh; // whoever is signed out is told so
    source.addEventListener("heartbeat", refresh);
  }

  function watch() {
    const isStale = now() - freshAt > STALE_MS;
    if (stale) stale.hidden = !isStale;
    document.body.classList.toggle("is-stale", isStale);
    // A closed stream never comes back by itself; a half-open one does not even know that it is closed.
    if ((source.readyState === EventSource.CLOSED || isStale) && now() - triedAt > 3000) connect();
    if (worker && (isStale || (failingAt && now() - failingAt > GONE_MS))) standIn("");
    else if (failingAt) refresh();
    if (worker && now() - touchedAt > LEFT_MS && live.querySelector("#back, #stay")) leave();
    tick();
  }

  function replaced(lost) {
    if (now() - goneAt < ANSWER_MS) return; // it is on its way; a browser that lost it on the way is asked again
    goneAt = now();
    location.replace(`/${lost}`);
  }

  function post(action, body, keepalive = false) { // gives null if nobody answered
    const how = { method: "POST", body, redirect: "manual", keepalive, headers: { Accept: "text/x-live" } };
    return fetch(action, { ...how, signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => null);
  }

  async function answered(answer, lost) { // the citizen's screen comes with the answer, the desk's is asked for
    const html = worker && answer?.ok ? await answer.text().catch(() => "") : "";
    if (leaving || !answer) return leaving || lost();
    [turn, freshAt, failingAt] = [turn + 1, now(), 0];
    return html ? show(html) : refresh();
  }

  function leave() {
    [leaving, shown, postponed, touchedAt] = [true, null, null, now()];
    live.replaceChildren();
    post("/end").then((answer) => { leaving = false; answered(answer, () => standIn("")); });
  }

  function touched() {
    touchedAt = now();
    if (!worker || now() - stayedAt < STAY_MS) return;
    stayedAt = now();
    post("/stay");
  }

  document.addEventListener("pointerdown", () => { pressing = true; touched(); });
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => { pressing = false; setTimeout(late, 0); });
  document.addEventListener("click", (event) => // two taps in a hurry are one: the next page is under the second
    worker && event.detail > 1 && !event.target.closest("[data-quick]") && event.preventDefault());
  document.addEventListener("change", ({ target }) => { // from the first field of a new record there is a draft of it
    const form = target.closest("form[data-draft]"), [id, ...ids] = form?.dataset.draft.split(" ") ?? [];
    if (!id) return;
    form.dataset.draft = ids.join(" ");
    const body = new URLSearchParams([...new FormData(form), ["save", id]]);
    kept = kept.then(() => post("/duty/drafts", body, true)).then((answer) => { form.dataset.kept = answer?.ok ?? false; });
  });
  document.addEventListener("submit", (event) => {
    const { target } = event, ends = target.hasAttribute("data-end");
    if (target.hasAttribute("data-second-step") && now() - stepsAt < SECOND_STEP_MS) event.preventDefault();
    // Beside a form that is being filled in, a call is taken without leaving it.
    const stays = worker ? ends || live.contains(target) : "stays" in live.dataset && live.contains(target) && !event.submitter?.name;
    if (event.defaultPrevented || !stays) return;
    event.preventDefault();
    if (ends) return leave();
    const body = new URLSearchParams(new FormData(target, event.submitter));
    // What did not arrive is never sent again by itself: the page says that it may not have been done.
    sent = sent.then(() => post(target.action, body)).then((answer) => answered(answer, () => (worker ? standIn("?lost=form") : target.submit())));
  });
  document.addEventListener("keydown", (event) => {
    touched();
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    const typing = event.target.closest("input, select, textarea"), onControl = typing || event.target.closest("a, button, summary");
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const form = live.querySelector("form[data-acknowledge]");
    const takes = form && (key === "F8" || (key === "a" && !typing) || (key === "Enter" && !onControl));
    const named = typing && key !== "Escape" && key !== "F8" ? null : document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (!takes && !named) return;
    event.preventDefault();
    if (takes) return form.requestSubmit();
    if (key === "Escape") typing?.blur(); // so that what was typed there is kept
    named[named.matches("input, [data-choice]") ? "focus" : "click"]();
    if (named.tagName === "SUMMARY") named.parentElement.querySelector("form input:not([type=hidden]), form textarea")?.focus();
  });
  if (worker) navigator.serviceWorker?.register(worker).catch(() => {});
  connect();
  setInterval(watch, 1000);
})();
