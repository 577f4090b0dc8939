import { checkEach, checkFunction, invalidOption, oneOf } from '../../core/option-rules.ts'
import type { MessagingCase, MessagingHarness, MessagingNeed, TopicOffer } from './harness.ts'

const REASONS: Record<MessagingNeed, string> = {
  worker: 'the harness has no worker file',
  publisher: 'the adapter has no publisher',
  breakable: 'the harness cannot kill the broker',
  cut: 'the harness cannot cut connections',
  loseAcks: 'the harness cannot lose acknowledgements',
  refused: 'the harness knows no message that the broker refuses',
  coordinates: 'the broker has no coordinates',
  publishedAt: 'the broker does not say when a message was published',
  withoutId: 'every message of this broker has an id',
  keepsDuplicates: 'the broker drops a second message with the same id',
  ordering: 'the broker has no ordering keys',
  'ordering over consumers': 'the order holds for one consumer',
}

const OFFERS = ['breakable', 'cut', 'loseAcks', 'refused'] satisfies readonly TopicOffer[]

/** A misspelt offer would leave its cases out. @throws OnlyonceError OPTION_INVALID */
export function checkHarness(harness: unknown): void {
  const { openTopic, consume, ledger, traits, offers = [] } = Object(harness)
  for (const [name, value] of Object.entries({ openTopic, consume, ledger })) checkFunction(name, value)
  checkEach(oneOf('consumers', 'consumer', 'none'), { 'traits.ordering': Object(traits).ordering ?? null })
  if (!Array.isArray(offers)) throw invalidOption('offers', `must be a list of ${OFFERS.join(', ')}`, offers)
  for (const offer of offers) checkEach(oneOf(...OFFERS), { offers: offer })
}

/** Returns why the case cannot run on this broker, or `undefined` if it can. */
export function missing<Place, Tx>(
  { needs = [] }: MessagingCase,
  harness: MessagingHarness<Place, Tx>,
): string | undefined {
  const unmet = needs.find((need) => !isMet(need, harness))
  return unmet === undefined ? undefined : REASONS[unmet]
}

function isMet<Place, Tx>(need: MessagingNeed, harness: MessagingHarness<Place, Tx>): boolean {
  const { traits, offers = [], worker, publisher } = harness
  switch (need) {
    case 'worker':
      return worker !== undefined
    case 'publisher':
      return publisher !== undefined
    case 'ordering':
      return traits.ordering !== 'none'
    case 'ordering over consumers':
      return traits.ordering === 'consumers'
    case 'breakable':
    case 'cut':
    case 'loseAcks':
    case 'refused':
      return offers.includes(need)
    case 'coordinates':
    case 'publishedAt':
    case 'withoutId':
    case 'keepsDuplicates':
      return traits[need]
  }
}
