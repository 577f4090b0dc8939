import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface FaultProxy {
  readonly port: number
  /** How many connections are open through it. */
  readonly connections: number
  /** Number of round trips: whatever a client sends before the answer comes counts as one. */
  readonly roundTrips: number
  /**
   * Called with every chunk a server answers; `connection` is the connection's number. `drop`: the chunk is lost;
   * `cut`: the connection is lost too.
   */
  onReply: ((chunk: Buffer, connection: number) => 'drop' | 'cut' | undefined) | undefined
  /** Called with every chunk a client sends, before it is passed on. */
  onRequest: ((chunk: Buffer, connection: number) => 'drop' | 'cut' | undefined) | undefined
  /** Called once for every connection that ends. */
  onEnd: ((connection: number) => void) | undefined
  /** Connections stay open and new ones are accepted, but nothing passes until `resume`. Nothing is lost. */
  blackhole(): void
  /** Resets every connection, and new ones too until `resume`. */
  cut(): void
  resume(): void
  /** Loses the next `count` answers (default 1), each with its connection; the requests were carried out. */
  dropReplies(count?: number): void
  close(): Promise<void>
}

export type { FaultProxy as Proxy }

/** A TCP proxy in front of a port of 127.0.0.1, for faults on the way to the server. */
export async function createProxy(targetPort: number): Promise<FaultProxy> {
  const open = new Set<{ readonly client: Socket; readonly server: Socket }>()
  let state: 'open' | 'blackhole' | 'cut' = 'open'
  let toDrop = 0
  let roundTrips = 0
  let accepted = 0

  const listener = createServer({ allowHalfOpen: false }, (client) => {
    if (state === 'cut') return void client.resetAndDestroy()
    const server = connect({ port: targetPort, host: '127.0.0.1' })
    const pair = { client, server }
    const connection = ++accepted
    open.add(pair)
    let asked = false
    const end = () => {
      if (open.delete(pair)) proxy.onEnd?.(connection)
      client.destroy()
      server.destroy()
    }
    const judge = (verdict: 'drop' | 'cut' | undefined): boolean => {
      if (verdict === 'cut') end()
      return verdict === undefined
    }
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      socket.on('error', end).on('close', end)
      if (state === 'blackhole') socket.pause()
    }
    client.on('data', (chunk: Buffer) => {
      asked = true
      if (judge(proxy.onRequest?.(chunk, connection))) server.write(chunk)
    })
    server.on('data', (chunk: Buffer) => {
      if (asked) roundTrips++
      asked = false
      const dropped = toDrop > 0
      if (dropped) toDrop--
      if (judge(dropped ? 'cut' : proxy.onReply?.(chunk, connection))) client.write(chunk)
    })
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))

  const proxy: FaultProxy = {
    port: (listener.address() as AddressInfo).port,
    get connections() {
      return open.size
    },
    get roundTrips() {
      return roundTrips
    },
    onReply: undefined,
    onRequest: undefined,
    onEnd: undefined,
    blackhole() {
      state = 'blackhole'
      for (const { client, server } of open) {
        client.pause()
        server.pause()
      }
    },
    cut() {
      state = 'cut'
      for (const { client, server } of [...open]) {
        client.resetAndDestroy()
        server.destroy()
      }
    },
    resume() {
      state = 'open'
      for (const { client, server } of open) {
        client.resume()
        server.resume()
      }
    },
    dropReplies(count = 1) {
      toDrop += count
    },
    async close() {
      this.cut()
      await new Promise<void>((resolve) => listener.close(() => resolve()))
    },
  }
  return proxy
}
