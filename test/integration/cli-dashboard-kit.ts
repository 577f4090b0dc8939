import { type DashboardOptions, startDashboard } from '../../src/cli/dashboard/server.ts'
import { type StoreAtHand, withStore } from '../../src/cli/store.ts'
import { operationId } from '../../src/core/key.ts'
import { storedValue } from '../../src/core/result.ts'
import { later } from '../support/leftovers.ts'
import { claim, store, url } from './cli-kit.ts'

export const TOKEN = 'a-token-of-the-test'

/** A dashboard of the store of the test, and a browser that was let in. */
export async function opened(given: Partial<DashboardOptions> = {}, wrapped = (at: StoreAtHand): StoreAtHand => at) {
  const logged: string[] = []
  let close = () => {}
  const over = new Promise<void>((resolve) => {
    close = resolve
  })
  const atHand = await new Promise<StoreAtHand>((resolve) => {
    const lent = withStore(url, async (at) => {
      resolve(at)
      await over
    })
    later(() => lent)
  })
  const flags = { storeUrl: url, storeFlag: ' --store URL', isWritable: true, label: undefined, token: TOKEN }
  const log = (text: string) => void logged.push(text)
  const running = await startDashboard(wrapped(atHand), { ...flags, listen: { port: 0 }, log, ...given })
  later(async () => {
    await running.close()
    close()
  })
  const { origin } = new URL(running.url)
  const entry = await fetch(running.url, { redirect: 'manual' })
  const cookie = entry.headers.get('set-cookie') ?? ''
  const [pair = ''] = cookie.split(';')
  const get = async (query: string, headers: Record<string, string> = { cookie: pair }) => {
    const response = await fetch(`${origin}/${query}`, { headers })
    return { status: response.status, headers: response.headers, text: await response.text() }
  }
  const post = async (query: string, form: Record<string, string>, headers: Record<string, string> = { origin }) => {
    const body = new URLSearchParams(form)
    const response = await fetch(`${origin}/${query}`, { method: 'POST', body, headers: { cookie: pair, ...headers } })
    return { status: response.status, text: await response.text() }
  }
  return { origin, entry, cookie, logged, get, post }
}

export const at = (key: string, scope = 'payments') => `?view=operation&id=${operationId(scope, key)}`
export const seenIn = (text: string) =>
  (/name="seen" value="([^"]*)"/.exec(text)?.[1] ?? '').replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code))
export const done = async (key: string, value: unknown) => {
  const lease = await claim(key)
  await store.complete([{ lease, result: storedValue(value), retentionMs: 86_400_000 }])
}
