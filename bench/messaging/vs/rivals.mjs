// The libraries compared with: installed when the first of them is needed.
import { fileURLToPath } from 'node:url'
import { versionsOf } from '../../machine.mjs'
import { installRivals, rivalsIn } from '../../vs/install.mjs'

const folder = new URL('./rivals/', import.meta.url)
/** @type {Promise<string | undefined> | undefined} */
let tried

/** Returns the reason, or `undefined` if they are installed. */
export function whyNotInstalled() {
  tried ??= installRivals(folder).then(
    () => undefined,
    () => 'npm could not install it',
  )
  return tried
}

/** Empty if none was needed. */
export const rivalVersions = () => (tried === undefined ? {} : versionsOf(rivalsIn(folder), fileURLToPath(folder)))
