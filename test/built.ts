import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
export const tscBin = join(root, 'node_modules/typescript/bin/tsc')

/** Tests of what users install need the build; `npm test` makes it, a bare `npx vitest` does not. */
export function requireBuild(): void {
  if (!existsSync(join(root, 'dist/.stamp'))) throw new Error('dist is missing: run `npm run build` first')
}

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end, without a terminal and without npm's own variables, which would change a nested npm. */
export function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): Ran {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE_|VITEST|VITE_|TEST$|FORCE_COLOR)/i.test(name),
  )
  const ran = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...Object.fromEntries(inherited), NO_COLOR: '1', ...env },
    timeout: 120_000,
    shell: process.platform === 'win32' && command === 'npm',
  })
  const stderr = ran.error === undefined ? ran.stderr : `${ran.stderr ?? ''}${ran.error.message}`
  return { code: ran.status, stdout: ran.stdout ?? '', stderr }
}

/** Like `run`, and throws with everything the program said unless it exits with 0. */
export function runOk(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): string {
  const ran = run(command, args, cwd, env)
  if (ran.code !== 0) {
    throw new Error(`${command} ${args.join(' ')} exited with ${ran.code}\n${ran.stdout}${ran.stderr}`)
  }
  return ran.stdout
}
