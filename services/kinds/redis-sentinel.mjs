import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRedis, redis } from '../lib/ask.mjs'
import { pathOf } from '../lib/installed.mjs'
import { freePorts } from '../lib/ports.mjs'
import { REDIS, redisServer } from './redis.mjs'

const SENTINELS = 3
const READY_MS = 20_000

/** One master, one replica, three sentinels with a quorum of two. @type {import('../lib/recipe.mjs').Recipe} */
export const redisSentinel = {
  needs: { commands: [...REDIS.commands, 'redis-sentinel'], packages: [...REDIS.packages, 'redis-sentinel'] },
  async start(home) {
    const master = await redisServer(home, 'master', ['--appendonly', 'no', '--repl-diskless-sync-delay', '0'])
    const replicaOf = ['--replicaof', `127.0.0.1 ${master.port}`, '--repl-diskless-sync-delay', '0']
    const replica = await redisServer(home, 'replica', ['--appendonly', 'no', ...replicaOf])
    await until('the replica did not follow its master', async () =>
      (await redis(replica.port, 'INFO', 'replication')).includes('master_link_status:up'),
    )
    const ports = await freePorts(SENTINELS)
    for (const [index, port] of ports.entries()) await sentinel(home, `sentinel-${index + 1}`, port, master.port)
    await until('the sentinels did not find the replica and each other', async () => {
      for (const port of ports) {
        const info = await redis(port, 'INFO', 'sentinel')
        if (!info.includes(`slaves=1,sentinels=${SENTINELS}`)) return false
      }
      return true
    })
    return `redis+sentinel://${ports.map((port) => `127.0.0.1:${port}`).join(',')}/mymaster`
  },
}

/** @param {import('../lib/recipe.mjs').Home} home @param {string} name @param {number} port @param {number} master */
async function sentinel(home, name, port, master) {
  const dir = join(home.dir, name)
  mkdirSync(dir)
  // A sentinel writes its state into its configuration file.
  const file = join(dir, 'sentinel.conf')
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${dir}`,
    `sentinel monitor mymaster 127.0.0.1 ${master} 2`,
    'sentinel down-after-milliseconds mymaster 800',
    'sentinel failover-timeout mymaster 3000',
    'sentinel parallel-syncs mymaster 1',
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const command = pathOf('redis-sentinel', redisSentinel.needs)
  const url = `redis://127.0.0.1:${port}`
  await home.server({ name, url, port, command, args: [file], dir, ready: () => isRedis(port) })
}

/** @param {string} failure @param {() => Promise<boolean>} condition */
async function until(failure, condition) {
  for (const end = Date.now() + READY_MS; !(await condition()); await sleep(50)) {
    if (Date.now() > end) throw new Error(failure)
  }
}
