import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { VERSIONS } from './programs.ts'

it('the page about runtimes names the versions that are tested', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/reference/runtimes.md'), 'utf8')
  for (const version of Object.values(VERSIONS)) expect(page).toContain(`| ${version} |`)
})
