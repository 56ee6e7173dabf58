import type { ErrorBody } from './schema';

/** What went wrong with a call, in the words of the daemon or, where it could not be reached, in ours. */
export class Failure extends Error {
  constructor(
    /** The daemon's code, or `unreachable`, `unreadable`. */
    readonly code: string,
    message: string,
    readonly status = 0,
  ) {
    super(message);
    this.name = 'Failure';
  }

  get wantsKey(): boolean {
    return this.code === 'unauthorized' || this.isOwners;
  }

  /** Whether it is the owner's business: the key that the page has is none, or a lesser one. */
  get isOwners(): boolean {
    return this.code === 'owner_only' || (this.code === 'forbidden' && this.status === 403);
  }
}

/** The failure that a reply tells of, whatever its body looks like. */
export async function failureOf(reply: Response): Promise<Failure> {
  const body: unknown = await reply.json().catch(() => null);
  if (isErrorBody(body)) return new Failure(body.error.code, body.error.message, reply.status);
  return new Failure('unreadable', `${reply.status} ${reply.statusText}`, reply.status);
}

export function isErrorBody(value: unknown): value is ErrorBody {
  return typeof value === 'object' && value !== null && typeof (value as ErrorBody).error?.message === 'string';
}

/** Anything thrown, as a failure. */
export function asFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  // `fetch` says nothing more than "it did not work", in words that differ between browsers.
  if (thrown instanceof TypeError) return new Failure('unreachable', thrown.message);
  return new Failure('unreadable', thrown instanceof Error ? thrown.message : String(thrown));
}
