import { createHash } from 'node:crypto'
import { cpSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, runOk } from '../built.ts'

const example = join(root, 'examples/prisma')

/**
 * A copy of the example with Prisma installed and its client generated. Prisma is 350 MB, so it is not among the packages
 * that everybody installs. Answers the reason where it cannot be had, except under `CI=true`, where that is a failure.
 */
export function prismaFolder(): { readonly dir: string } | { readonly missing: string } {
  const dir = join(root, '.cache', `prisma-${hashOf('package-lock.json', 'schema.prisma')}`)
  const stamp = join(dir, '.ready')
  try {
    if (!existsSync(stamp)) {
      rmSync(dir, { recursive: true, force: true })
      cpSync(example, dir, {
        recursive: true,
        filter: (path) => !/node_modules|generated/.test(path.slice(root.length)),
      })
      runOk('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], dir)
      // It asks for an engine that only migrations use, and would download it from a host of its own.
      runOk('npm', ['run', 'generate'], dir, { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath })
      symlinkSync(root, join(dir, 'node_modules/onlyonce'), 'junction')
      writeFileSync(stamp, '')
    }
    for (const file of ['main.ts', 'tsconfig.json']) cpSync(join(example, file), join(dir, file))
    return { dir }
  } catch (error) {
    if (process.env.CI === 'true') throw error
    return { missing: `Prisma cannot be installed: ${String(error).split('\n', 2).join(' ')}` }
  }
}

function hashOf(...files: string[]): string {
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(join(example, file)))
  return hash.digest('hex').slice(0, 12)
}
