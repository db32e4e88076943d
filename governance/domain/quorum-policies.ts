/** The policies that a tenant may be onboarded under. A file of its own: schemas name them, and load nothing else for it. */

/**
 * How many operators have to agree, the proposer counted, before a decision that can lock out or expose is carried
 * out (D13). The first is for development, says so in every place where it shows, and is refused anywhere else.
 */
export const policies = { 'development-quorum-one': 1, 'four-eyes': 2 } as const;
export type PolicyName = keyof typeof policies;
