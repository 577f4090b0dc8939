import { beforeAll, describe, expect, it } from 'vitest'
import { type Export, type Member, publicDeclarations } from './declarations.ts'

/** Types of which every member is an option. */
const OPTIONS = /(Options|Rules|Source|Definition|Durability|Partitions)$/

/** What users implement: there the data members are a contract, too. */
const IMPLEMENTED = [
  ...['Store', 'TransactionalStore', 'AtomicClaims', 'OutboxTable', 'StoreTraits', 'Runtime', 'SealKey'],
  ...['SqlExecutor', 'MysqlExecutor', 'StoreUnderTest', 'HttpHarness', 'HttpServer'],
  ...['MessagingHarness', 'MessagingWorker', 'OpenTopic', 'OpenPublisher', 'Ledger', 'BrokerTraits', 'BrokerFaults'],
]

/** So says the docstring of a shape of another library's object, whose members are documented there. */
const isForeign = (doc: string) => /\bthe parts? of\b/i.test(doc)

/** What a docstring may say of an option that is not given. */
const TELLS_DEFAULT = /\b(default|absent|required|without|only with)\b/i

/** The rule of CONTRIBUTING.md, "Docstrings". */
function needsDocstring({ name }: Pick<Export, 'name'>, member: Member): boolean {
  if (isForeign(member.ownerDoc)) return false
  return member.callable || OPTIONS.test(name) || IMPLEMENTED.includes(name)
}

function undocumented(exports: readonly Export[]): readonly string[] {
  return exports.flatMap((one) => {
    const at = (name: string) => `${one.file}: ${name}`
    const missing = one.members.filter((member) => member.doc === '' && needsDocstring(one, member))
    return [...(one.doc === '' ? [at(one.name)] : []), ...missing.map((member) => at(`${one.name}.${member.name}`))]
  })
}

function withoutDefault(exports: readonly Export[]): readonly string[] {
  const options = exports.filter(({ name }) => OPTIONS.test(name))
  const silent = ({ optional, doc, ownerDoc }: Member) => optional && !TELLS_DEFAULT.test(doc) && !isForeign(ownerDoc)
  return options.flatMap((one) => one.members.filter(silent).map(({ name }) => `${one.file}: ${one.name}.${name}`))
}

describe('what an editor shows of the public API', () => {
  let exports: readonly Export[] = []
  beforeAll(() => {
    exports = publicDeclarations()
  })

  it('has a docstring for every exported name, option, method, and member of what users implement', () => {
    expect(undocumented(exports)).toEqual([])
  })

  it('says of every option that may be left out what happens then', () => {
    expect(withoutDefault(exports)).toEqual([])
  })

  it('is declared by itself, but for options that are all optional or all complete somewhere else', () => {
    const options = exports.filter(({ name }) => OPTIONS.test(name))
    const hidden = options.filter(({ members }) => members.some((one) => !one.declared && !isForeign(one.ownerDoc)))
    expect(hidden.map(({ name }) => name).sort()).toEqual(['ResolvedOptions', 'RouteOptions'])
  })

  it('is looked at as a whole', () => {
    const names = exports.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['onlyonce', 'OnlyonceError', 'IdempotencyOptions', 'simulate']))
    expect(IMPLEMENTED.filter((name) => !names.includes(name))).toEqual([])
    const options = exports.find(({ name }) => name === 'EngineOptions')
    expect(options?.members.map(({ name }) => name)).toEqual(expect.arrayContaining(['store', 'leaseMs']))
  })
})

describe('this check catches', () => {
  const own: Member = {
    name: 'topic',
    doc: '',
    callable: false,
    declared: true,
    optional: false,
    ownerDoc: 'A message.',
  }
  const shape: Export = {
    ...{ name: 'Thing', file: 'src/thing.ts', doc: 'A thing.' },
    members: [own],
  }

  it('a name, an option and a method without docstring', () => {
    expect(undocumented([{ ...shape, doc: '' }])).toEqual(['src/thing.ts: Thing'])
    expect(undocumented([{ ...shape, name: 'ThingOptions' }])).toEqual(['src/thing.ts: ThingOptions.topic'])
    expect(undocumented([{ ...shape, members: [{ ...own, callable: true }] }])).toEqual(['src/thing.ts: Thing.topic'])
  })

  it('an option that may be left out, and does not say what happens then', () => {
    const options = (doc: string) => [{ ...shape, name: 'ThingOptions', members: [{ ...own, optional: true, doc }] }]
    expect(withoutDefault(options('Where to send.'))).toEqual(['src/thing.ts: ThingOptions.topic'])
    expect(withoutDefault(options('Default: nowhere. Where to send.'))).toEqual([])
  })

  it('no plain data, and nothing that belongs to another library', () => {
    expect(undocumented([shape])).toEqual([])
    const foreign = { ...own, callable: true, ownerDoc: 'The part of a `Thing` that is used.' }
    expect(undocumented([{ ...shape, members: [foreign] }])).toEqual([])
  })
})
