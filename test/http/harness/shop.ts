import { onlyonce } from '../../../src/index.ts'
import { memoryStore } from '../../../src/stores/memory/index.ts'

export function newOnce() {
  return onlyonce({ store: memoryStore(), scope: 'shop' })
}

/** Asks for one order, as a client that waits for its answer does. */
export function order(url: string, key: string | undefined, init: RequestInit = {}): Promise<Response> {
  const headers = { 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }) }
  return fetch(url, {
    method: 'POST',
    body: '{"item":1}',
    redirect: 'manual',
    ...init,
    headers: { ...headers, ...init.headers },
  })
}

/** What of an answer a client can see to be the same. */
export async function seen(answer: Response) {
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    encoding: answer.headers.get('content-encoding'),
    body: Buffer.from(await answer.arrayBuffer()).toString('latin1'),
    replayed: answer.headers.get('idempotency-replayed') === 'true',
  }
}
