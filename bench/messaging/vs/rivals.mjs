// The libraries that are compared with: installed when the first of them is asked for.
import { fileURLToPath } from 'node:url'
import { versionsOf } from '../../machine.mjs'
import { installRivals, rivalsIn } from '../../vs/install.mjs'

const folder = new URL('./rivals/', import.meta.url)
/** @type {Promise<string | undefined> | undefined} */
let tried

/** `undefined`: they are. */
export function whyNotInstalled() {
  tried ??= installRivals(folder).then(
    () => undefined,
    () => 'npm could not install it',
  )
  return tried
}

/** None where none was asked for. */
export const rivalVersions = () => (tried === undefined ? {} : versionsOf(rivalsIn(folder), fileURLToPath(folder)))
