import { tell } from '../core/reporting.ts'
import type { ClientEvent, ClientListener } from './events.ts'

type WithoutCall<E> = E extends unknown ? Omit<E, 'method' | 'url' | 'key'> : never

/** Emits an event about one call. */
export type Tell = (event: WithoutCall<ClientEvent>) => void

export interface Named {
  readonly method: string
  readonly url: URL
  readonly key: string | undefined
}

/** Returns the function that emits the events of one call. Errors of the listener are ignored. */
export function teller(listener: ClientListener, { method, url, key }: Named): Tell {
  const place = { method, url: url.origin + url.pathname, key }
  return (event) => tell(listener, { ...place, ...event } as ClientEvent, () => {})
}
