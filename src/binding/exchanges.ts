/**
 * Requests that the host has received, on their way through the core.
 */
import type { Answers } from './answers.js';
import { guard, guardAsync } from './guard.js';
import type { NativeCollectorClass, NativeExchange } from './load.js';
import { parseHead, type AnswerHead } from './messages.js';

/** What the host has found out about a request. */
export interface HostContext {
  /** Whose request it is. */
  readonly tenant: string | null;
  /** Who has authenticated. */
  readonly principal: string | null;
  /** Its class, 0 to 3. */
  readonly priority: number | null;
}

/** A request that the host has received, beside its body. */
export interface HostRequest {
  /** Id of an `otlp` receiver. */
  readonly receiver: string;
  readonly protocol: 'grpc' | 'http';
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  /** `address:port` of the sender, or null. */
  readonly peer: string | null;
  /** Bytes of the body, or null if that is not known. */
  readonly declared: number | null;
  readonly context: HostContext | null;
}

/** A request that the host has received, on its way. */
export class HostExchange {
  readonly #native: NativeExchange;
  readonly #forget: () => void;
  /** What to tell the sender; null if nothing, since it went away or the collector ends. */
  readonly answer: Promise<HostAnswer | null>;

  constructor(native: NativeExchange, answer: Promise<HostAnswer | null>, forget: () => void) {
    this.#native = native;
    this.answer = answer;
    this.#forget = forget;
  }

  /** Adds to the body; copied before this returns. @returns false to ask for a wait until {@link room} */
  write(bytes: Uint8Array): boolean {
    return guard('write', () => this.#native.write(bytes));
  }

  /** Resolves when there is room for more of the body, or nobody reads it. */
  async room(): Promise<void> {
    await guardAsync('room', () => this.#native.room());
  }

  /** Whether the body begins to be read, or never is: for a sender that waits for `100 Continue`. */
  async wanted(): Promise<boolean> {
    return (await guardAsync('wanted', () => this.#native.wanted())) === 'true';
  }

  /** The body is complete. */
  finish(): void {
    guard('finish', () => this.#native.finish());
  }

  /** The sender has gone away: unless there is an answer already, it is null. */
  abort(): void {
    this.#forget();
    guard('abort', () => this.#native.abort());
  }
}

/** What a sender is to be told. */
export interface HostAnswer extends AnswerHead {
  /** The body, each byte as the character of the same number (`latin1`). */
  readonly body: string;
}

/** The requests on their way through one collector; each keeps hold of what waits for its answer. */
export class Exchanges {
  readonly #native: NativeCollectorClass;
  readonly #answers: Answers;
  /** Nearly all answers are alike. */
  #head = { text: '', parsed: null as AnswerHead | null };

  constructor(native: NativeCollectorClass, answers: Answers) {
    this.#native = native;
    this.#answers = answers;
  }

  begin(request: HostRequest): HostExchange {
    const number = this.#answers.next();
    const native = guard('exchange', () => this.#native.exchange(number, JSON.stringify(request)));
    const answer = this.#answers.answer(number, (head, body) =>
      head === null ? null : { ...this.#parsed(head), body },
    );
    return new HostExchange(native, answer, () => this.#answers.forget(number));
  }

  #parsed(text: string): AnswerHead {
    const { parsed } = this.#head;
    if (parsed !== null && this.#head.text === text) return parsed;
    const head = parseHead(text);
    this.#head = { text, parsed: head };
    return head;
  }
}
