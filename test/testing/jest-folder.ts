import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, runOk } from '../built.ts'

const FILES = ['package.json', 'package-lock.json']
const place = join(import.meta.dirname, 'jest')

/**
 * A project of a user who tests with jest, and has this package installed. jest is 280 packages for one test, so it is not
 * among those that everybody installs. Answers the reason where it cannot be had, except under `CI=true`, where that is a
 * failure.
 */
export function jestFolder(): { readonly dir: string } | { readonly missing: string } {
  const hash = createHash('sha256')
  for (const file of FILES) hash.update(readFileSync(join(place, file)))
  const dir = join(root, '.cache', `jest-${hash.digest('hex').slice(0, 12)}`)
  const stamp = join(dir, '.ready')
  try {
    if (!existsSync(stamp)) {
      rmSync(dir, { recursive: true, force: true })
      mkdirSync(dir, { recursive: true })
      for (const file of FILES) cpSync(join(place, file), join(dir, file))
      runOk('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], dir)
      symlinkSync(root, join(dir, 'node_modules/onlyonce'), 'junction')
      writeFileSync(stamp, '')
    }
    return { dir }
  } catch (error) {
    if (process.env.CI === 'true') throw error
    return { missing: `jest cannot be installed: ${String(error).split('\n', 2).join(' ')}` }
  }
}
