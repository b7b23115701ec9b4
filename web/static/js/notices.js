// @ts-check
// What tells of a new check to somebody who looks elsewhere: a short sound, made here, no file, and the desktop's own
// notices. Both in one tab only, and only where asked for.

const SOUND = "watchword-sound";
const TUNE = "watchword-tune";
const NOTICE = "watchword-notice";
const NAMED = "watchword-notice-named";
/** Many checks that come at once, after a lost line perhaps, are one sound. In ms. */
const ONCE_IN = 2000;

/** Storage may be refused (private windows); then a choice lasts as long as the page. @type {Map<string, string>} */
const kept = new Map();

/** @param {string} key @returns {string} */
function read(key) {
  try { return localStorage.getItem(key) ?? ""; } catch { return kept.get(key) ?? ""; }
}

/** @param {string} key @param {string} value */
function write(key, value) {
  kept.set(key, value);
  try { localStorage.setItem(key, value); } catch { /* lasts as long as the page */ }
}

/** Tones of each sound: pitch in Hz, when it starts and how long it lasts in seconds.
 * @type {Record<string, [number, number, number][]>} */
const TUNES = {
  rise: [[660, 0, 0.4], [880, 0.16, 0.4]],
  bell: [[1047, 0, 1.2], [2094, 0, 0.5]],
  knock: [[180, 0, 0.12], [180, 0.18, 0.12], [180, 0.36, 0.12]],
};

/** @type {AudioContext | undefined} */
let context;
let sounds = false;
let rangAt = 0;

/** Browsers let a tab play only after somebody has touched it; the touched tab then keeps the sound to itself. */
function wake() {
  context ??= new AudioContext();
  context.resume();
  // Other pages try the sound out, and leave it to a tab where checks come in.
  if (!document.querySelector("ww-board")) return;
  if (sounds || !navigator.locks) sounds = true;
  else navigator.locks.request("watchword-sound", () => { sounds = true; return new Promise(() => {}); });
}
addEventListener("pointerdown", () => { if (read(SOUND) === "on") wake(); }, { once: true });
addEventListener("keydown", () => { if (read(SOUND) === "on") wake(); }, { once: true });

function ring() {
  if (!context) return;
  rangAt = Date.now();
  for (const [pitch, start, length] of TUNES[read(TUNE)] ?? TUNES.rise) {
    const tone = new OscillatorNode(context, { frequency: pitch, type: "sine" });
    const volume = new GainNode(context, { gain: 0 });
    const at = context.currentTime + start;
    volume.gain.linearRampToValueAtTime(0.25, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, at + length);
    tone.connect(volume).connect(context.destination);
    tone.start(at);
    tone.stop(at + length + 0.05);
  }
}

/** Whether this tab is the one that shows notices. */
let shows = false;

/** @returns {boolean} whether the browser would show one */
function allowed() {
  return "Notification" in window && Notification.permission === "granted";
}

/** A check has come that nobody has claimed. @param {string} name @param {string} id */
export function announce(name, id) {
  if (read(SOUND) === "on" && sounds && Date.now() - rangAt > ONCE_IN) ring();
  const words = document.querySelector("ww-notice");
  // Whoever looks at this page sees the row.
  if (!(words instanceof HTMLElement) || !shows || read(NOTICE) !== "on" || !allowed() || document.hasFocus()) return;
  const body = read(NAMED) === "on" ? (words.dataset.named ?? "").replace("{name}", name) : words.dataset.text;
  try {
    const notice = new Notification(words.dataset.title ?? "", { body, tag: `watchword-${id}` });
    notice.onclick = () => {
      focus();
      location.hash = `check-${id}`;
      notice.close();
    };
  } catch { /* phones show notices only of installed apps; the text message is for them */ }
}

/** @param {HTMLInputElement | null} box @param {string} key @param {() => void} [then] */
function choice(box, key, then) {
  if (!box) return;
  box.checked = read(key) === "on";
  box.addEventListener("change", () => { write(key, box.checked ? "on" : "off"); then?.(); });
}

/** The tick box, the choice of a sound, and the test button. */
class Sound extends HTMLElement {
  connectedCallback() {
    this.hidden = false;
    const box = this.querySelector("input");
    choice(box, SOUND, () => { if (box?.checked) { wake(); ring(); } });
    const tunes = this.querySelector("select");
    if (tunes) {
      tunes.value = read(TUNE) in TUNES ? read(TUNE) : "rise";
      tunes.addEventListener("change", () => { write(TUNE, tunes.value); wake(); ring(); });
    }
    this.querySelector("button")?.addEventListener("click", () => { wake(); ring(); });
  }
}

/** The browser is asked only by a button: one that asks by itself is refused for good. */
class Notice extends HTMLElement {
  connectedCallback() {
    this.hidden = !("Notification" in window);
    if (navigator.locks) navigator.locks.request("watchword-notice", () => { shows = true; return new Promise(() => {}); });
    else shows = true;
    choice(this.querySelector("[name=on]"), NOTICE);
    choice(this.querySelector("[name=named]"), NAMED);
    this.querySelector("[data-ask]")?.addEventListener("click", async () => {
      if ((await Notification.requestPermission()) === "granted") {
        write(NOTICE, "on");
        const on = this.querySelector("[name=on]");
        if (on instanceof HTMLInputElement) on.checked = true;
      }
      this.draw();
    });
    if (!this.hidden) this.draw();
  }

  draw() {
    const state = Notification.permission;
    for (const e of this.querySelectorAll("[data-ask]")) e.toggleAttribute("hidden", state !== "default");
    for (const e of this.querySelectorAll("[data-may]")) e.toggleAttribute("hidden", state !== "granted");
    for (const e of this.querySelectorAll("[data-blocked]")) e.toggleAttribute("hidden", state !== "denied");
  }
}

customElements.define("ww-sound", Sound);
customElements.define("ww-notice", Notice);
