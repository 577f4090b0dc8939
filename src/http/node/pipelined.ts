import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const queues = new WeakMap<Socket, Set<ServerResponse>>()

/**
 * Emits `close` on a response that is queued behind others (pipelining) when its connection closes. Node does not, and
 * its listeners would wait forever. Call it before the connection is hidden.
 */
export function closeWithConnection(req: IncomingMessage, res: ServerResponse): void {
  if (res.socket !== null) return
  const queue = queueOf(req.socket)
  queue.add(res)
  res.once('socket', () => queue.delete(res))
}

function queueOf(socket: Socket): Set<ServerResponse> {
  const known = queues.get(socket)
  if (known !== undefined) return known
  const queue = new Set<ServerResponse>()
  queues.set(socket, queue)
  socket.on('close', () => {
    for (const res of queue) {
      Object.assign(res, { destroyed: true, _closed: true })
      res.emit('close')
    }
  })
  return queue
}
