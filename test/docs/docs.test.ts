import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { requireBuild, root } from '../built.ts'
import { anchorsOf, type Block, type Page, parsePage, readPages, withoutCode } from './pages.ts'
import { promisedOutput, runShell, runTypeScript, typeCheck } from './runner.ts'

const pages = readPages()
const isTypeScript = (block: Block) => ['ts', 'typescript'].includes(block.language)
const isShell = (block: Block) => ['sh', 'bash', 'shell'].includes(block.language)
const idOf = (page: Page, block: Block) => `${page.path.replace(/[^A-Za-z0-9]+/g, '-')}-L${block.line}`
const all = pages.flatMap((page) => page.blocks.map((block) => ({ page, block, name: `${page.path}:${block.line}` })))

describe('code in README and docs', () => {
  let messages = new Map<string, string[]>()
  beforeAll(() => {
    requireBuild()
    const snippets = all.filter(({ block }) => isTypeScript(block))
    messages = typeCheck(snippets.map(({ page, block }) => ({ ...block, id: idOf(page, block) })))
  })

  it('there is a README', () => {
    expect(pages.map((page) => page.path)).toContain('README.md')
  })

  it.each(all.filter(({ block }) => isTypeScript(block)))('$name type-checks', ({ page, block }) => {
    expect(messages.get(idOf(page, block)) ?? []).toEqual([])
  })

  it('the compiler complains about nothing else', () => {
    const known = new Set(all.map(({ page, block }) => idOf(page, block)))
    expect([...messages].filter(([id]) => !known.has(id))).toEqual([])
  })

  it.each(all.filter(({ block }) => isTypeScript(block) && block.runs))('$name runs', ({ page, block }) => {
    const ran = runTypeScript(idOf(page, block), block.code)
    expect(ran, ran.stderr).toMatchObject({ code: 0 })
    const promised = promisedOutput(block.code)
    if (promised.length > 0) expect(ran.stdout.split('\n').filter((line) => line !== '')).toEqual(promised)
  })

  it.each(all.filter(({ block }) => isShell(block) && block.runs))('$name runs', ({ block }) => {
    const ran = runShell(block.code)
    expect(ran, `${ran.stdout}${ran.stderr}`).toMatchObject({ code: 0 })
  })
})

describe('links in README and docs', () => {
  const byPath = new Map(pages.map((page) => [page.path, page]))

  it.each(pages.map((page) => ({ name: page.path, page })))('$name', ({ page }) => {
    expect(brokenLinks(page, byPath)).toEqual([])
  })

  it.each(['docs/README.md', 'llms.txt'])('%s leads to every page', (path) => {
    const index = parsePage(path, readFileSync(join(root, path), 'utf8'))
    expect(brokenLinks(index, byPath)).toEqual([])
    const folder = posix.dirname(path)
    const linked = [...index.text.matchAll(/\]\(([^)#]+)/g)].map((match) => posix.join(folder, match[1] as string))
    // Decisions are led to by the index of the documentation alone.
    const under = [...byPath.keys()].filter((page) => page.startsWith('docs/') && page !== 'docs/README.md')
    const wanted = under.filter((page) => path === 'docs/README.md' || !page.startsWith('docs/adr/'))
    expect(wanted.filter((page) => !linked.includes(page))).toEqual([])
  })
})

function brokenLinks(page: Page, known: ReadonlyMap<string, Page>): string[] {
  const text = withoutCode(page.text).replace(/`[^`\n]*`/g, '')
  const links = [...text.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)|^\[[^\]]+\]:\s*(\S+)/gm)]
  return links
    .map((match) => match[1] ?? match[2] ?? '')
    .filter((link) => !/^[a-z][a-z0-9+.-]*:|^\/\//i.test(link))
    .filter((link) => {
      const [path = '', anchor] = decodeURI(link).split('#')
      // A site path starts at docs; a page may be linked without its ending, as VitePress has it.
      const base = path.startsWith('/') ? 'docs' : posix.dirname(page.path)
      const target = path === '' ? page.path : posix.normalize(posix.join(base, path))
      const file = [target, `${target}.md`, posix.join(target, 'index.md'), posix.join(target, 'README.md')].find(
        isFile,
      )
      if (file === undefined) return !existsSync(join(root, target))
      const linked = known.get(file)
      return anchor !== undefined && linked !== undefined && !anchorsOf(linked).has(anchor)
    })
}

function isFile(path: string): boolean {
  return statSync(join(root, path), { throwIfNoEntry: false })?.isFile() ?? false
}

describe('these checks catch', () => {
  const fence = '```'

  it('a broken link, a broken anchor, and nothing in code', () => {
    const text = `# One two\n[a](no.md) [b](#one-two) [c](#three) \`[d](no)\`\n${fence}\n[e](no)\n${fence}`
    const page = parsePage('package.json', text) // any file that exists
    expect(brokenLinks(page, new Map([[page.path, page]]))).toEqual(['no.md', '#three'])
  })

  it('reads info strings, lines and indented fences', () => {
    const page = parsePage('x.md', `a\n\n  ${fence}ts run\n  const a = 1\n  ${fence}\n${fence}sh\nls\n${fence}\n`)
    expect(page.blocks).toEqual([
      { language: 'ts', runs: true, line: 4, code: 'const a = 1' },
      { language: 'sh', runs: false, line: 7, code: 'ls' },
    ])
  })

  it('a snippet that does not compile, at the line of the page', () => {
    const messages = typeCheck([{ id: 'wrong', line: 12, code: "const n: number = 'one'" }])
    expect(messages.get('wrong')?.[0]).toMatch(/^line 12: error TS2322/)
  })

  it('a snippet that throws', () => {
    expect(runTypeScript('throws', "throw new Error('on purpose') as never").code).toBe(1)
  })
})
