import { spawnSync } from 'node:child_process'
import { chownSync } from 'node:fs'

/**
 * The user for a server that refuses to run as root: the named one if we are root, else `undefined` (our own).
 * @param {string} name
 * @returns {{ uid: number, gid: number } | undefined}
 */
export function unprivileged(name) {
  if (process.getuid?.() !== 0) return undefined
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout))
  if (!uid || !gid) throw new Error(`there is no user ${name} to run the server as`)
  return { uid, gid }
}

/** @param {string} path @param {{ uid: number, gid: number } | undefined} user */
export function giveTo(path, user) {
  if (user !== undefined) chownSync(path, user.uid, user.gid)
}
