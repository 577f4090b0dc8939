import { randomBytes } from 'node:crypto'
import { UsageError } from '../options.ts'

/** A name unique to this run, in the URL's hash, which no server sees. */
export function roomAt(url: string): { readonly url: string; readonly name: string } {
  const name = `demo-${randomBytes(6).toString('hex')}`
  return { url: `${url.split('#')[0]}#${name}`, name }
}

export function roomIn(url: string): { readonly server: string; readonly name: string } {
  const [server = '', name = ''] = url.split('#')
  return { server, name }
}

/** For brokers where the demo cannot log in with a password. @throws UsageError */
export function refusePassword(url: string): void {
  if (new URL(url).username === '') return
  throw new UsageError('--broker: the demo logs in with a password at rabbitmq, nats, redis-streams and bullmq only')
}

/** A server that has not answered by then counts as unreachable. */
export const KNOCK_MS = 5_000
