/**
 * Requests that the host has received, on their way through the core.
 */
import { guard, guardAsync, wrap } from './guard.js';
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

/** The requests on their way through one collector; each keeps hold of it. */
export class Exchanges {
  readonly #native: NativeCollectorClass;
  readonly #waiting = new Map<number, Deferred>();
  #begun = 0;
  /** Nearly all answers are alike. */
  #head = { text: '', parsed: null as AnswerHead | null };

  constructor(native: NativeCollectorClass) {
    this.#native = native;
  }

  begin(request: HostRequest): HostExchange {
    const number = this.#begun;
    this.#begun += 1;
    const native = guard('exchange', () => this.#native.exchange(number, JSON.stringify(request)));
    const answer = new Promise<HostAnswer | null>((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
    });
    return new HostExchange(native, answer, () => this.#conclude(number, null));
  }

  /** Passes on what the core has answered; an addon that fails here fails all that wait. */
  settle(): void {
    try {
      for (const { number, head, body } of this.#native.takeAnswers()) {
        this.#conclude(number, head === null ? null : { ...this.#parsed(head), body });
      }
    } catch (error) {
      for (const { reject } of this.#waiting.values()) reject(wrap('takeAnswers', error));
      this.#waiting.clear();
    }
  }

  #conclude(number: number, answer: HostAnswer | null): void {
    this.#waiting.get(number)?.resolve(answer);
    this.#waiting.delete(number);
  }

  #parsed(text: string): AnswerHead {
    const { parsed } = this.#head;
    if (parsed !== null && this.#head.text === text) return parsed;
    const head = parseHead(text);
    this.#head = { text, parsed: head };
    return head;
  }
}

/** What the addon calls for answers. It holds that for as long as it lives itself, so nothing here may hold the addon. */
export class AnswerBell {
  #heard: WeakRef<Exchanges> | null = null;
  readonly ring = (): void => this.#heard?.deref()?.settle();

  hear(exchanges: Exchanges): void {
    this.#heard = new WeakRef(exchanges);
  }
}

interface Deferred {
  readonly resolve: (answer: HostAnswer | null) => void;
  readonly reject: (error: unknown) => void;
}
