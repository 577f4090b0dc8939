import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Operation } from '../../core/once.ts'
import type { Runtime } from '../../core/runtime.ts'
import { endToEnd } from './fields.ts'
import type { Failure } from './problems.ts'
import { watch } from './silence.ts'
import type { Upstream } from './upstream.ts'

export interface Forwarding {
  readonly upstream: Upstream
  readonly runtime: Runtime
  readonly connectTimeoutMs: number
  readonly target: string
  readonly op: Operation | undefined
  /** Called at most once, when the upstream gave no answer, or not all of it. */
  readonly failed: (why: Failure) => void
}

/** A reason phrase that Node can write (RFC 9112 §4); it may read others. */
const REASON = /^[\t\x20-\x7e\x80-\xff]*$/

/** Forwards a request and pipes the answer back, with backpressure both ways. */
export function forward(
  req: IncomingMessage,
  res: ServerResponse,
  { upstream, runtime, connectTimeoutMs, target, op, failed }: Forwarding,
): void {
  const asked = upstream.ask(req, target, op)
  /** Whether a connection is established: part of the request may have arrived. */
  let begun = false
  let over = false
  const end = () => {
    over = true
    stop()
  }
  const fail = (why: Failure) => {
    if (over) return
    end()
    req.unpipe(asked)
    asked.destroy()
    failed(why)
  }
  const lost = () => fail(begun ? 'reset' : 'unreachable')
  const { heard, stop } = watch(runtime, upstream.timeoutMs, {
    // While a client sends or reads slowly, the upstream cannot be heard. What it does not take is its own silence.
    excused: () => res.writableNeedDrain || (!req.complete && !asked.writableNeedDrain),
    silent: () => fail(begun ? 'timeout' : 'unreachable'),
  })

  asked.on('socket', (socket: Socket) => {
    if (!socket.connecting) {
      begun = true
      return
    }
    const cancel = runtime.after(connectTimeoutMs, () => fail('unreachable'))
    asked.once('close', cancel)
    socket.once(upstream.secure ? 'secureConnect' : 'connect', () => {
      cancel()
      begun = true
    })
  })
  asked.on('drain', heard)
  asked.on('error', lost)
  // Emitted without `error` if the upstream switches to a protocol that was not asked for.
  asked.on('close', lost)
  asked.on('response', (answer: IncomingMessage) => {
    // From here on the answer reports its own end; a slow client may still receive it when the connection is closed.
    asked.off('close', lost)
    heard()
    answer.on('data', heard)
    answer.on('end', end)
    answer.on('error', lost)
    answer.on('close', lost)
    const { statusCode = 0, statusMessage = '' } = answer
    if (statusCode < 200 || statusCode > 999 || !REASON.test(statusMessage)) return lost()
    try {
      for (const [name, value] of Object.entries(endToEnd(answer))) res.setHeader(name, value)
    } catch {
      return lost()
    }
    res.statusCode = statusCode
    res.statusMessage = statusMessage
    answer.pipe(res)
    // A body that is available at once is sent together with the head; a slow one must not delay the head.
    runtime.after(0, () => {
      if (!res.headersSent && !over) res.flushHeaders()
    })
  })
  // For a guarded request, `close` is hidden until the answer is recorded.
  res.on('close', () => {
    end()
    asked.destroy()
    // A client may send all of its request before it reads an answer that came early.
    req.unpipe(asked)
    req.resume()
  })
  req.on('aborted', lost)
  // The upstream's time begins when it is handed something, however late the client sent that.
  req.on('data', heard)
  req.pipe(asked)
}
