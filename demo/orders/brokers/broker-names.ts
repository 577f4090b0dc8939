/** What `--broker` may name, and what the results call it. */
export const BROKERS = {
  embedded: 'a queue in a file',
} as const

export type BrokerName = keyof typeof BROKERS

/** `undefined` for what is neither `embedded` nor a URL of a server. */
export function brokerNamed(broker: string): BrokerName | undefined {
  if (broker === 'embedded') return broker
  const scheme = /^([a-z-]+):\/\/./i.exec(broker)?.[1]?.toLowerCase() ?? ''
  return scheme !== 'embedded' && Object.hasOwn(BROKERS, scheme) ? (scheme as BrokerName) : undefined
}
