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
  /** Told once, when the upstream gave no answer, or not all of it. */
  readonly failed: (why: Failure) => void
}

/** RFC 9112 §4: what Node reads of a reason it does not always write. */
const REASON = /^[\t\x20-\x7e\x80-\xff]*$/

/** Sends a request on and pipes the answer back, both ways as fast as the slower side takes it. */
export function forward(
  req: IncomingMessage,
  res: ServerResponse,
  { upstream, runtime, connectTimeoutMs, target, op, failed }: Forwarding,
): void {
  const asked = upstream.ask(req, target, op)
  /** From here on some of the request may have arrived. */
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
    // A client that is slow, at sending or at reading, keeps the upstream from saying anything.
    excused: () => res.writableNeedDrain || !req.complete,
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
  // Without a word where the upstream changes to a protocol that nobody asked for.
  asked.on('close', lost)
  asked.on('response', (answer: IncomingMessage) => {
    // From here on the answer tells of its end: a slow client may still be read to when the connection is over.
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
    // A body that is there leaves in one piece with the head; one that takes its time must not hold the head back.
    runtime.after(0, () => {
      if (!res.headersSent && !over) res.flushHeaders()
    })
  })
  // Of a guarded request this is hidden until its answer is recorded.
  res.on('close', () => {
    end()
    asked.destroy()
  })
  req.on('aborted', lost)
  req.pipe(asked)
}
