// @ts-check
// A short sound for a new check: two soft tones, made here, no file. It plays in one tab only, and only where asked for.

const KEY = "watchword-sound";

/** Storage may be refused (private windows); then the choice lasts as long as the page. */
let chosen = false;
try {
  chosen = localStorage.getItem(KEY) === "on";
} catch { /* stays off */ }

/** @type {AudioContext | undefined} */
let context;
let mine = false;

/** Browsers let a tab play only after somebody has touched it; the touched tab then keeps the sound to itself. */
function wake() {
  context ??= new AudioContext();
  context.resume();
  if (mine || !navigator.locks) mine = true;
  else navigator.locks.request("watchword-sound", () => { mine = true; return new Promise(() => {}); });
}
addEventListener("pointerdown", () => { if (chosen) wake(); }, { once: true });
addEventListener("keydown", () => { if (chosen) wake(); }, { once: true });

function ring() {
  if (!context) return;
  for (const [pitch, start] of [[660, 0], [880, 0.16]]) {
    const tone = new OscillatorNode(context, { frequency: pitch, type: "sine" });
    const volume = new GainNode(context, { gain: 0 });
    const at = context.currentTime + start;
    volume.gain.linearRampToValueAtTime(0.25, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.4);
    tone.connect(volume).connect(context.destination);
    tone.start(at);
    tone.stop(at + 0.45);
  }
}

/** Play, if sound is on and this is the tab that has it. */
export function chime() {
  if (chosen && mine) ring();
}

/** The tick box and the test button. Without script there is nothing to choose, so it is hidden until here. */
class Sound extends HTMLElement {
  connectedCallback() {
    this.hidden = false;
    const box = this.querySelector("input");
    if (box) {
      box.checked = chosen;
      box.addEventListener("change", () => {
        chosen = box.checked;
        try { localStorage.setItem(KEY, chosen ? "on" : "off"); } catch { /* lasts as long as the page */ }
        if (chosen) { wake(); ring(); }
      });
    }
    this.querySelector("button")?.addEventListener("click", () => { wake(); ring(); });
  }
}
customElements.define("ww-sound", Sound);
