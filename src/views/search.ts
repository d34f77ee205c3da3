/**
 * Looks for a text in the bytes of a batch: one pass for all messages that are asked about in their order.
 */
export class Search {
  #bytes: Buffer | null = null;
  #text = '';
  #size = 0;
  /** From here on was looked, */
  #from = 0;
  /** and the text begins here first. */
  #at = 0;

  /** Whether `text` stands in `from..to` of `bytes`. */
  finds(text: string, bytes: Buffer, from: number, to: number): boolean {
    if (bytes !== this.#bytes || text !== this.#text) {
      this.#bytes = bytes;
      this.#text = text;
      this.#size = Buffer.byteLength(text);
      this.#look(from);
    } else if (from < this.#from || from > this.#at) this.#look(from);
    return this.#at + this.#size <= to;
  }

  #look(from: number): void {
    const at = this.#bytes!.indexOf(this.#text, from);
    this.#from = from;
    this.#at = at < 0 ? Infinity : at;
  }
}
