// @ts-check
// One event stream per browser. The tab that holds the lock reads it and tells the others; when it closes, the next
// tab takes over. Browsers open six connections to a server without HTTP/2, so a stream per tab would stop the seventh.

/** The server says something every 15 seconds. After so much silence, in ms, the line is dead, whatever it looks like. */
const SILENCE = 40_000;

/** What the stream says: something changed, it broke off, it is back, the log-in has ended, or nothing but that it is
 * there. To tabs: one says hello, and hears how things are and up to where.
 * @typedef {{what: "change" | "lost" | "back" | "over" | "beat" | "hello", id?: string, data?: any, at?: number,
 *   upTo?: number}} News */

export class Live extends EventTarget {
  /** @param {string} after the sequence the page was drawn at
   * @param {string} [events] the address of the stream; tabs share one by its name
   * @param {string} [probe] what answers for as long as the log-in stands */
  constructor(after, events = "/events", probe = "/codes/rows?part=beside") {
    super();
    this.events = events;
    this.probe = probe;
    const name = events === "/events" ? "watchword-live" : `watchword-live-${events}`;
    this.after = Number(after);
    this.leads = false;
    this.heardAt = Date.now();
    /** @type {News | undefined} */
    this.status = undefined;
    this.others = new BroadcastChannel(name);
    this.others.onmessage = (event) => {
      if (event.data.what === "hello") {
        if (this.leads && this.status) this.others.postMessage({ ...this.status, upTo: this.after });
      } else this.take(event.data);
    };
    this.others.postMessage({ what: "hello" });
    // Inside a frame of another site locks are there and refused.
    if (navigator.locks) navigator.locks.request(name, () => this.lead()).catch(() => this.lead());
    else this.lead();
    setInterval(() => this.listen(), 5000);
  }

  /** Read the stream until this tab goes away. @returns {Promise<never>} */
  lead() {
    this.leads = true;
    this.open();
    return new Promise(() => {});
  }

  open() {
    this.source?.close();
    const source = new EventSource(`${this.events}?rows=1&after=${this.after}`);
    this.source = source;
    source.onopen = () => this.tell({ what: "back" });
    source.addEventListener("beat", () => this.tell({ what: "beat" }));
    source.addEventListener("change", (event) => {
      this.tell({ what: "change", id: event.lastEventId, data: JSON.parse(event.data) });
    });
    source.onerror = async () => {
      this.broke();
      if (source.readyState !== EventSource.CLOSED) return;
      // Refused, not broken: either the log-in has ended or the server is starting.
      const answer = await fetch(this.probe, { cache: "no-store" }).catch(() => null);
      if (answer && (answer.status === 401 || answer.redirected)) this.tell({ what: "over" });
      else setTimeout(() => { if (this.source === source) this.open(); }, 3000);
    };
  }

  broke() {
    this.tell({ what: "lost", at: this.status?.what === "lost" ? this.status.at : Date.now() });
  }

  /** A line that was cut without a word, or a machine that slept: nobody says so, so the silence must. */
  listen() {
    if (Date.now() - this.heardAt < SILENCE || this.status?.what === "lost") return;
    if (this.leads) { this.broke(); this.open(); }
    else this.take({ what: "lost", at: this.heardAt });
  }

  /** @param {News} news */
  tell(news) {
    this.others.postMessage(news);
    this.take(news);
  }

  /** @param {News} news */
  take(news) {
    this.heardAt = Date.now();
    if (news.what === "lost" || news.what === "back") this.status = news;
    // A tab that has just opened may have been drawn before what the others heard last, or after it.
    if (news.upTo !== undefined && news.upTo > this.after) this.dispatchEvent(new CustomEvent("behind"));
    if (news.what === "change" && news.data?.kind === "start_over") this.after = 0;
    if (news.id) {
      if (Number(news.id) <= this.after) return;
      this.after = Number(news.id);
    }
    if (this.status?.what === "lost" && (news.what === "beat" || news.what === "change")) {
      this.status = { what: "back" };
      this.dispatchEvent(new CustomEvent("back", { detail: this.status }));
    }
    this.dispatchEvent(new CustomEvent(news.what, { detail: news }));
  }
}
