/** The one place of the console that talks to the network; only paths of this deployment, never an address. */

/** No answer at all: network down, server gone, request timed out. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}

/** An answer that says no, as RFC 9457 problem details; `code` is stable, `retryAfter` is in seconds. */
export class Problem extends Error {
  override readonly name = 'Problem'

  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly retryAfter: number | null,
  ) {
    super(`${status} ${code} ${detail}`.trim())
  }
}

const TIMEOUT_MS = 30_000

/** Sends a request to the core with the session cookie; throws `Unreachable` when nothing answers. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS)
  const signal = init.signal ? anyOf(init.signal, timeout) : timeout
  try {
    return await fetch(path, { credentials: 'same-origin', cache: 'no-store', redirect: 'error', ...init, signal })
  } catch (error) {
    if (init.signal?.aborted) throw error
    throw new Unreachable(String(error))
  }
}

/** `AbortSignal.any` is younger than the oldest browser that is supported. */
function anyOf(first: AbortSignal, second: AbortSignal): AbortSignal {
  const controller = new AbortController()
  for (const signal of [first, second]) {
    if (signal.aborted) controller.abort(signal.reason)
    else signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true })
  }
  return controller.signal
}

/** Reads a refusal; an answer that is no problem document still gives its status. */
export async function readProblem(response: Response): Promise<Problem> {
  let body: { code?: unknown; detail?: unknown; title?: unknown } = {}
  try {
    body = (await response.json()) as typeof body
  } catch {
    // A proxy's HTML page: the status says enough.
  }
  const text = (value: unknown): string => (typeof value === 'string' ? value : '')
  const wait = Number(response.headers.get('Retry-After') ?? NaN)
  return new Problem(
    response.status,
    text(body.code),
    text(body.detail) || text(body.title),
    Number.isFinite(wait) && wait > 0 ? Math.ceil(wait) : null,
  )
}
