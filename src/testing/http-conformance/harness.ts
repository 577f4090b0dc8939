import type { Once, Operation } from '../../core/once.ts'
import type { Omitted } from '../../http/call.ts'
import type { IdempotencyOptions } from '../../http/options.ts'

/** What a handler received, and what it can learn about its operation. */
export interface HttpSeen {
  /** The body as the handler read it; JSON if the framework parsed it. */
  readonly body: Uint8Array
  /** What the adapter's `operationOf` returns. */
  readonly op: Operation | undefined
}

/** A handler's answer as data, so that every framework can send it in its own way. */
export interface HttpScript {
  readonly status: number
  /** Names in lower case; a name may come more than once. */
  readonly headers?: readonly (readonly [name: string, value: string])[]
  /** Parts are sent as they come, as the framework sends a stream. If they throw, the answer is aborted there. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>
}

/** A route to put on the framework. Method and path are those that requests of the case have. */
export interface HttpRoute {
  readonly method: string
  /** Without parameters: `/orders`. */
  readonly path: string
  /** A prefix that the framework strips before its router sees the path; the guard runs after that. */
  readonly mount?: string
  /** The way of responding, from the harness's `ways`. Default: the one that fits the script best. */
  readonly way?: string
  /** The handler. A rejection means that the handler throws. */
  run(seen: HttpSeen): Promise<HttpScript>
}

/** What to serve: an engine that stays the caller's, the options of the adapter, and the routes. */
export interface HttpServeSpec {
  /** The engine of the case, which is not closed by the server. */
  readonly once: Once
  /** The options for `idempotency(once, options)`. */
  readonly options: IdempotencyOptions
  readonly routes: readonly HttpRoute[]
}

/** A server that listens, for one case. */
export interface HttpServer {
  /** The origin of a real socket, without a trailing slash: `http://127.0.0.1:4100`. */
  readonly url: string
  /** Called once, after the case. */
  close(): Promise<void>
  /** What the adapter publishes about itself. */
  describe?(): object
}

/** What a duplicate gets after an answer was sent in some way. */
export type WayTruth =
  /** The same status, content type and bytes. */
  | 'recorded'
  /** Nothing is recorded, and the handler runs again: a 5xx answer, or a handler that aborts. */
  | 'released'
  /** Status and headers without the bytes; for an event stream, a problem document. */
  | Exclude<Omitted, 'not-known'>

/** What `httpConformance` needs of an adapter: how to serve routes behind it. */
export interface HttpHarness {
  /** Puts the routes on the framework, behind its adapter, and listens on 127.0.0.1. */
  readonly serve: (spec: HttpServeSpec) => Promise<HttpServer>
  /** Default: none. Ways of responding that the framework has, by name: each is a case. */
  readonly ways?: Readonly<Record<string, WayTruth>>
}

/** One sentence that must hold on every framework, and the proof of it. */
export interface HttpCase {
  readonly name: string
  readonly group: string
  /** What the sentence comes from: C of the draft, B of the behaviours, T of the threats, or the name of a public vector. */
  readonly ids: readonly string[]
  /** Takes thousands of requests. */
  readonly heavy?: true
  /** Resolves if the rule holds; rejects with what was seen instead. */
  run(context: HttpContext): Promise<void>
}

/** What a case works with. */
export interface HttpContext {
  readonly harness: HttpHarness
  /** How often a case that is a race is run. */
  readonly rounds: number
  /** Calls `work` when the case is over, whatever became of it; the last first. */
  after(work: () => unknown): void
}

export const PROBLEM_TYPE = 'application/problem+json'
