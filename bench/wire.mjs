// A counting TCP proxy: everything sent before the answer comes is one round trip.
import { connect, createServer } from 'node:net'

/** @typedef {{ roundTrips: number, sent: number, received: number }} Traffic */

/** @param {number} targetPort on 127.0.0.1 */
export async function countingProxy(targetPort) {
  const total = { roundTrips: 0, sent: 0, received: 0 }
  const sockets = new Set()
  const listener = createServer((client) => {
    const server = connect({ port: targetPort, host: '127.0.0.1' })
    let asked = false
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(socket)
          client.destroy()
          server.destroy()
        })
    }
    client.on('data', (chunk) => {
      asked = true
      total.sent += chunk.length
      server.write(chunk)
    })
    server.on('data', (chunk) => {
      if (asked) total.roundTrips++
      asked = false
      total.received += chunk.length
      client.write(chunk)
    })
  })
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (listener.address())
  return {
    port,
    /** Returns the server's URL with the proxy's port. @param {string} url */
    through: (url) => url.replace(`:${targetPort}`, `:${port}`),
    /** Returns the average cost of one run of `work`, run one after the other. @param {number} times @param {() => unknown} work @returns {Promise<Traffic>} */
    async costOf(times, work) {
      await work()
      const before = { ...total }
      for (let i = 0; i < times; i++) await work()
      return {
        roundTrips: (total.roundTrips - before.roundTrips) / times,
        sent: (total.sent - before.sent) / times,
        received: (total.received - before.received) / times,
      }
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => listener.close(() => resolve(undefined)))
    },
  }
}
