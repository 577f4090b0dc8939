import { setTimeout as sleep } from 'node:timers/promises'
import { redis } from '../lib/ask.mjs'
import { freePorts } from '../lib/ports.mjs'
import { REDIS, redisServer } from './redis.mjs'

const MASTERS = 3
const SLOTS = 16_384
const FORMED_MS = 20_000

/** Three masters without replicas. @type {import('../lib/recipe.mjs').Recipe} */
export const redisCluster = {
  needs: REDIS,
  async start(home) {
    const ports = await freePorts(MASTERS * 2)
    const nodes = ports.slice(0, MASTERS)
    for (const [index, port] of nodes.entries()) {
      // The default bus port is the port + 10000, which may be taken.
      const bus = String(ports[MASTERS + index])
      const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--cluster-port', bus]
      await redisServer(home, `node-${index + 1}`, [...args, '--appendonly', 'no'], port)
      const first = Math.floor((SLOTS * index) / MASTERS)
      await redis(port, 'CLUSTER', 'ADDSLOTSRANGE', first, Math.floor((SLOTS * (index + 1)) / MASTERS) - 1)
      await redis(port, 'CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
      if (index > 0) await redis(port, 'CLUSTER', 'MEET', '127.0.0.1', nodes[0] ?? 0, ports[MASTERS] ?? 0)
    }
    for (const end = Date.now() + FORMED_MS; !(await isFormed(nodes)); await sleep(50)) {
      if (Date.now() > end) throw new Error('the nodes did not form a cluster')
    }
    return `redis+cluster://${nodes.map((port) => `127.0.0.1:${port}`).join(',')}`
  },
}

/** @param {readonly number[]} nodes */
async function isFormed(nodes) {
  for (const port of nodes) {
    const info = await redis(port, 'CLUSTER', 'INFO')
    if (!info.includes('cluster_state:ok') || !info.includes(`cluster_known_nodes:${MASTERS}`)) return false
  }
  return true
}
