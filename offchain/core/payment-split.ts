/** A partition and an amount of it, in the asset's smallest unit. */
export type PartitionAmount = { readonly partition: string; readonly amount: bigint };

/**
 * How a claim is shown in the partitions of its account, of which there is at least one: each gets its part in proportion
 * to what it had earned unclaimed, floored, and the first by name what that leaves over, so that the parts are the claim.
 * Where nothing was unclaimed, the first has it all.
 */
export function splitClaim(amount: bigint, unclaimed: readonly PartitionAmount[]): PartitionAmount[] {
  const sorted = [...unclaimed].sort((a, b) => (a.partition < b.partition ? -1 : 1));
  const total = sorted.reduce((sum, part) => sum + part.amount, 0n);
  const parts = sorted.map(({ partition, amount: own }) => ({
    partition,
    amount: total === 0n ? 0n : (amount * own) / total,
  }));
  const left = amount - parts.reduce((sum, part) => sum + part.amount, 0n);
  return parts.map((part, index) => (index === 0 ? { ...part, amount: part.amount + left } : part));
}
