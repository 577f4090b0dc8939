import { randomBytes } from 'node:crypto'
import { UsageError } from '../options.ts'

/** A name that no other run has, in the hash of the URL: no server looks at that. */
export function roomAt(url: string): { readonly url: string; readonly name: string } {
  const name = `demo-${randomBytes(6).toString('hex')}`
  return { url: `${url.split('#')[0]}#${name}`, name }
}

export function roomIn(url: string): { readonly server: string; readonly name: string } {
  const [server = '', name = ''] = url.split('#')
  return { server, name }
}

/** Of brokers whose clients are not given one. @throws UsageError */
export function refusePassword(url: string): void {
  if (new URL(url).username === '') return
  throw new UsageError('--broker: the demo logs in with a password at rabbitmq, nats, redis-streams and bullmq only')
}

/** Whoever has not answered the first word by then is taken for not there. */
export const KNOCK_MS = 5_000
