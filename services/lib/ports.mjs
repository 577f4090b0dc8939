import { createServer } from 'node:net'

/** Below the system's range for outgoing connections, so that none of those takes the port before the server does. */
const FIRST = 20_000
const LAST = 32_000

/** Returns a port of 127.0.0.1 on which nobody listens now. */
export async function freePort() {
  for (let tries = 0; tries < 200; tries++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST))
    if (await isFree(port)) return port
  }
  throw new Error(`no free port found between ${FIRST} and ${LAST}`)
}

/** @param {number} count */
export async function freePorts(count) {
  /** @type {Set<number>} */
  const ports = new Set()
  while (ports.size < count) ports.add(await freePort())
  return [...ports]
}

/** @param {number} port @returns {Promise<boolean>} */
export function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)))
  })
}
