// @ts-check
// One event stream per browser. The tab that holds the lock reads it and tells the others; when it closes, the next
// tab takes over. Browsers open six connections to a server without HTTP/2, so a stream per tab would stop the seventh.

/** What the stream says: something changed, it broke off, it is back, or the log-in has ended.
 * @typedef {{what: "change" | "lost" | "back" | "over" | "hello", id?: string, data?: any, at?: number}} News */

export class Live extends EventTarget {
  /** @param {string} after the sequence the page was drawn at */
  constructor(after) {
    super();
    this.after = after;
    this.leads = false;
    /** @type {News} */
    this.status = { what: "back" };
    this.others = new BroadcastChannel("watchword-live");
    this.others.onmessage = (event) => {
      if (event.data.what === "hello") {
        if (this.leads) this.others.postMessage(this.status);
      } else this.take(event.data);
    };
    this.others.postMessage({ what: "hello" });
    if (navigator.locks) navigator.locks.request("watchword-live", () => this.lead());
    else this.lead();
  }

  /** Read the stream until this tab goes away. @returns {Promise<never>} */
  lead() {
    this.leads = true;
    this.open();
    return new Promise(() => {});
  }

  open() {
    const source = new EventSource(`/events?after=${encodeURIComponent(this.after)}`);
    source.onopen = () => this.tell({ what: "back" });
    source.addEventListener("change", (event) => {
      this.tell({ what: "change", id: event.lastEventId, data: JSON.parse(event.data) });
    });
    source.onerror = async () => {
      this.tell({ what: "lost", at: this.status.what === "lost" ? this.status.at : Date.now() });
      if (source.readyState !== EventSource.CLOSED) return;
      // Refused, not broken: either the log-in has ended or the server is starting.
      const answer = await fetch("/codes/rows", { cache: "no-store" }).catch(() => null);
      if (answer && (answer.status === 401 || answer.redirected)) this.tell({ what: "over" });
      else setTimeout(() => this.open(), 3000);
    };
  }

  /** @param {News} news */
  tell(news) {
    if (news.what === "lost" || news.what === "back") this.status = news;
    this.others.postMessage(news);
    this.take(news);
  }

  /** @param {News} news */
  take(news) {
    if (news.id) this.after = news.id;
    this.dispatchEvent(new CustomEvent(news.what, { detail: news }));
  }
}
