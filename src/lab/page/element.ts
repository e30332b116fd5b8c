/** Elements with what is in them. Text stays text: nothing of an experiment is ever read as HTML. */

type Child = Node | string | undefined

export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children.filter(child => child !== undefined))
  return made
}

/** A short word on a coloured ground; the colour says how a container ended. */
export function badge(exit: string): HTMLElement {
  const kind = exit === 'exit 0' ? 'good' : /^(?:time is up|interrupted)/.test(exit) ? 'neutral' : 'bad'
  return element('span', { class: `badge ${kind}` }, exit)
}
