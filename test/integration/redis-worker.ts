/** Runs in a process of its own, bundled by `redis-processes.test.ts`: `worker.mjs URL PREFIX KEY CALLERS`. */
import { Redis } from 'ioredis'
import { onlyonce } from '../../src/index.ts'
import { redisStore } from '../../src/stores/redis/index.ts'

const [url = '', prefix = '', key = '', callers = '0'] = process.argv.slice(2)
const client = new Redis(url)
// Several engines, as several processes would be: one alone joins its own duplicates.
const engines = Array.from({ length: Number(callers) }, () =>
  onlyonce({ store: redisStore({ client, prefix }), scope: 'race', onInFlight: 'wait', waitMs: 20_000 }),
)
await client.ping()
process.stdout.write('ready\n')
await new Promise((go) => process.stdin.once('data', go))

const answers = await Promise.all(
  engines.map((once) =>
    once(key, async (op) => {
      await client.rpush(`${prefix}:effects`, `${process.pid} ${op.fence}`)
      await new Promise((done) => setTimeout(done, 50))
      return op.fence
    }),
  ),
)
process.stdout.write(`${JSON.stringify([...new Set(answers)])}\n`)
await Promise.all(engines.map((once) => once.close()))
client.disconnect()
process.exit(0)
