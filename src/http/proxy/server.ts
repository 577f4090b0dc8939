import { once as event } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { AnyOnce } from '../../core/once.ts'
import type { HttpReply } from '../call.ts'
import { closeWithConnection } from '../node/pipelined.ts'
import { guardNode } from '../node/run.ts'
import { sendReply } from '../node/send.ts'
import { operationOf } from '../operation-of.ts'
import type { IdempotencyPolicy } from '../policy.ts'
import { createAdmin } from './admin.ts'
import { Counters } from './counters.ts'
import { drained } from './drain.ts'
import { forward } from './forward.ts'
import { createGuards } from './guards.ts'
import { inTurn, isAnswering, queue } from './in-turn.ts'
import { type Address, type ProxyOptions, resolveProxyOptions } from './options.ts'
import { type Failure, type ProxyProblem, proxyProblem } from './problems.ts'
import { isAmbiguous, NoScope, scopeHeader } from './scope.ts'
import { again, isWebSocket, refuse, tunnel } from './upgrade.ts'
import { createUpstream, hasSeveralHosts, isCoded, targetOf } from './upstream.ts'

export type { ProxyOptions } from './options.ts'

export interface RunningProxy {
  readonly url: string
  /** Where `/healthz`, `/metrics` and `/policy` are served, if anywhere. */
  readonly adminUrl: string | undefined
  /** What to tell clients about their keys, for requests that match no route. */
  describe(): IdempotencyPolicy
  /**
   * Accepts nothing new, cuts WebSockets, waits for requests in progress, and closes the engine. The store stays open.
   * Resolves with `false` if requests were still in progress after `withinMs`; they are cut off.
   */
  close(withinMs: number): Promise<boolean>
}

/**
 * Starts a reverse proxy that guards the service behind it.
 * @throws OnlyonceError OPTION_INVALID; the system's error when an address cannot be listened on
 */
export async function startProxy(once: AnyOnce, given: ProxyOptions): Promise<RunningProxy> {
  const options = resolveProxyOptions(given)
  const { scope, maxInFlight, connectTimeoutMs, onError, guard } = options
  const { runtime } = once.options
  /** Requests that were forwarded and not answered in full: their outcome is unknown. */
  const lost = new WeakSet<IncomingMessage>()
  const guards = createGuards(once, options, (req) => lost.has(req))
  const upstream = createUpstream({ ...options, protect: guards.fields })
  const counters = new Counters()
  const tunnels = new Set<Duplex>()
  const waiting = new Set<Socket>()
  const connections = new Set<Socket>()
  let draining = false

  function answer(res: ServerResponse, kind: ProxyProblem): void {
    for (const name of res.getHeaderNames()) res.removeHeader(name)
    // Set by the upstream's answer, of which nothing was sent yet.
    res.statusMessage = ''
    const reply = proxyProblem(kind, guard.docs)
    sendReply(res, kind === 'noScope' ? challenged(reply, scopeHeader(scope)) : reply)
  }

  function failed(req: IncomingMessage, res: ServerResponse, why: Failure): void {
    // A client that left while it was sending is no failure of the upstream.
    if (!req.aborted) counters.failed(why)
    if (why !== 'unreachable') lost.add(req)
    if (res.headersSent) res.destroy()
    else answer(res, why)
  }

  function send(req: IncomingMessage, res: ServerResponse, target: string): void {
    const op = operationOf(req)
    forward(req, res, { upstream, runtime, connectTimeoutMs, target, op, failed: (why) => failed(req, res, why) })
  }

  function refused(req: IncomingMessage, res: ServerResponse, error: unknown): void {
    const kind = error instanceof NoScope ? 'noScope' : req.destroyed && !req.complete ? 'badRequest' : 'broken'
    if (kind === 'broken') onError(error)
    if (res.headersSent) res.destroy()
    else answer(res, kind)
  }

  function handle(req: IncomingMessage, res: ServerResponse): void {
    const startedAt = runtime.elapsed()
    counters.begun()
    closeWithConnection(req, res)
    queue(req, res)
    res.on('error', onError)
    res.on('close', () => {
      const status = res.writableFinished ? res.statusCode : undefined
      counters.ended(status, (runtime.elapsed() - startedAt) / 1000)
      if (draining) runtime.after(0, () => server.closeIdleConnections())
    })
    if (draining) res.shouldKeepAlive = false
    const target = targetOf(req)
    if (counters.inFlight > maxInFlight) answer(res, 'overloaded')
    else if (target === undefined) answer(res, 'badTarget')
    else if (hasSeveralHosts(req)) answer(res, 'badRequest')
    else if (isCoded(req)) answer(res, 'coded')
    else {
      try {
        route(req, res, target)
      } catch (error) {
        refused(req, res, error)
      }
    }
  }

  function route(req: IncomingMessage, res: ServerResponse, target: string): void {
    const guard = guards.guardFor(req, target)
    const next = () => send(req, res, target)
    if (guard === undefined) next()
    else if (isAmbiguous(req, scope)) answer(res, 'twoScopes')
    else {
      guardNode(once, guard, { request: req, req, res, url: target, next }).catch((error) => refused(req, res, error))
    }
  }

  const { maxHeaderBytes: maxHeaderSize, requestTimeoutMs: requestTimeout } = options
  const server = createServer({ maxHeaderSize, requestTimeout }, handle)
  const upgrade = (req: IncomingMessage, socket: Socket, head: Buffer) => {
    if (!isWebSocket(req)) return again(server, req, socket, head)
    socket.setTimeout(0)
    // Node removes its own listener, and an `error` without a listener ends the process.
    socket.on('error', () => {})
    const target = targetOf(req)
    const full = draining || counters.inFlight + tunnels.size >= maxInFlight
    if (full) refuse(socket, proxyProblem('overloaded'))
    else if (target === undefined) refuse(socket, proxyProblem('badTarget'))
    else if (hasSeveralHosts(req)) refuse(socket, proxyProblem('badRequest'))
    else if (guards.guardFor(req, target) !== undefined) refuse(socket, proxyProblem('noUpgrade'))
    else {
      tunnels.add(socket)
      socket.on('close', () => tunnels.delete(socket))
      try {
        tunnel(req, socket, head, { upstream, runtime, target })
      } catch (error) {
        onError(error)
        refuse(socket, proxyProblem('broken'))
      }
    }
  }
  server.timeout = requestTimeout
  server.on('timeout', (socket: Socket) => {
    // With an answer on its way, only a client that takes nothing of it is cut off: the upstream may be slow.
    if (socket.writableLength > 0 || !isAnswering(socket)) socket.destroy()
  })
  server.on('connection', (socket: Socket) => {
    // Told again of one that offers another protocol.
    if (connections.has(socket)) return
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
  })
  server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) => {
    inTurn(socket, waiting, () => upgrade(req, socket, head))
  })
  const admin = options.admin && createAdmin({ once, counters, draining: () => draining, describe: guards.describe })
  const unsubscribe = once.on(counters.heard)
  const url = await listening(server, options.listen)
  const adminUrl =
    admin &&
    options.admin &&
    (await listening(admin, options.admin).catch((error) => {
      server.close()
      throw error
    }))

  return {
    url,
    adminUrl,
    describe: guards.describe,
    async close(withinMs) {
      draining = true
      const closed = event(server, 'close')
      server.close()
      for (const socket of tunnels) socket.destroy()
      // Node does not count those as idle that have never sent anything, and would wait for them. Bun counts no bytes.
      for (const socket of connections) if (socket.bytesRead === 0 && !isAnswering(socket)) socket.destroy()
      const finished = await drained(
        runtime,
        closed.then(() => once.close()),
        withinMs,
      )
      server.closeAllConnections()
      for (const socket of waiting) socket.destroy()
      admin?.close()
      admin?.closeAllConnections()
      upstream.close()
      unsubscribe()
      return finished
    },
  }
}

async function listening(server: Server, { host = '127.0.0.1', port }: Address): Promise<string> {
  server.listen(port, host)
  await event(server, 'listening')
  const { address, family, port: bound } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`
}

/** A 401 must name what is missing (RFC 9110 §15.5.2). */
function challenged(reply: HttpReply, header: string | undefined): HttpReply {
  return { ...reply, headers: [...reply.headers, ['www-authenticate', `Header name="${header}"`]] }
}
