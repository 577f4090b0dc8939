import { join, resolve } from 'node:path'
import { build } from 'esbuild'

const root = resolve(import.meta.dirname, '../../..')
const CLIENTS = [
  'amqplib',
  'bullmq',
  'ioredis',
  'kafkajs',
  'rocketmq-client-nodejs',
  '@nats-io/*',
  '@platformatic/kafka',
]

/** One file of this folder for a process of its own: Node 20 cannot strip types. */
export async function bundledWorker(name: string): Promise<string> {
  const outfile = join(root, `.cache/conformance-${name}-${process.pid}.mjs`)
  await build({
    entryPoints: [join(import.meta.dirname, `${name}.ts`)],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['libsql', 'better-sqlite3', ...CLIENTS],
    outfile,
    logLevel: 'error',
  })
  return outfile
}
