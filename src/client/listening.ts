import { report } from '../core/events.ts'
import type { ClientEvent, ClientListener } from './events.ts'

type WithoutCall<E> = E extends unknown ? Omit<E, 'method' | 'url' | 'key'> : never

/** Tells of one call. */
export type Tell = (event: WithoutCall<ClientEvent>) => void

export interface Named {
  readonly method: string
  readonly url: URL
  readonly key: string | undefined
}

/** A listener that throws changes nothing for the call. */
export function teller(listener: ClientListener, { method, url, key }: Named): Tell {
  return (event) =>
    report(() => listener({ method, url: url.origin + url.pathname, key, ...event } as ClientEvent), undefined)
}
