// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title The payout contract of one pool
/// @notice Holds the pool's funds, keeps a hash chain of epoch records, and pays workers what the records entitle them to.
/// Each record carries the root of *cumulative* entitlements, so one proof against any active epoch settles all that an
/// account earned up to it. This is the specification; `contracts/README.md` says who is trusted with what.
/// @dev Amounts are in the smallest unit of their asset, times in seconds. The asset with the zero address is ETH. Both
/// trees are OpenZeppelin `StandardMerkleTree`s: leaves are hashed twice, pairs are sorted.
interface IRewardsDistributor {
    /// @notice The sum of all leaves of one asset.
    struct AssetTotal {
        address asset;
        uint256 cumulative;
    }

    /// @notice What one epoch declares. Its EIP-712 struct hash is the record hash: attestors sign what the chain keeps.
    /// @dev The record's EIP-712 domain is `Payroot`, version `1`, this chain, this contract.
    struct EpochRecord {
        /// 1, 2, 3 … without gaps.
        uint256 epoch;
        /// The record hash of the epoch before; zero for the first.
        bytes32 previous;
        /// Root over `[account, asset, cumulative]`; never zero.
        bytes32 root;
        /// Root over `[epoch, account, asset, earned]`: what this epoch added. Zero when it added nothing.
        bytes32 earningsRoot;
        /// keccak256 of the published `manifest.json`.
        bytes32 manifestHash;
        /// Every asset ever listed, strictly ascending.
        AssetTotal[] totals;
    }

    /// @notice What one account may have received of one asset since the beginning.
    struct Leaf {
        address account;
        address asset;
        uint256 cumulative;
    }

    /// @notice What the contract keeps of a posted epoch.
    struct Epoch {
        bytes32 root;
        /// From this second on the epoch can be claimed against and can no longer be revoked. Zero: no such epoch.
        uint40 activatesAt;
        /// The first 27 bytes of the record hash, enough to recognise the record later.
        bytes27 recordId;
    }

    /// @notice The books of one asset.
    struct AssetState {
        /// Declared by the newest epoch that stands, active or not.
        uint104 allocated;
        /// Paid out to accounts so far, never above `allocated`.
        uint104 claimed;
        /// Claims are stopped before this second.
        uint40 pausedUntil;
        /// Whether every record from now on must list it.
        bool listed;
    }

    /// @notice An epoch was posted. The event carries the whole record: the history can be read back from logs alone.
    event EpochPosted(uint256 indexed epoch, bytes32 indexed recordHash, uint256 activatesAt, EpochRecord record);

    /// @notice The epochs `epoch` to `last` were revoked before they became active; the record hash `head` stands again.
    event EpochsRevoked(uint256 indexed epoch, uint256 last, bytes32 head);

    /// @notice `amount` of `asset` was paid to `recipient` for `account`, who has now received `cumulative` in all.
    event Claimed(
        address indexed account, address asset, address recipient, uint256 epoch, uint256 amount, uint256 cumulative
    );

    /// @notice A leaf of a batch was left out; nothing changed for it.
    /// @param reason The ABI-encoded error with which `claim` refuses the same leaf.
    event ClaimSkipped(address indexed account, address asset, uint256 epoch, bytes reason);

    /// @notice Payments for `account` go to `recipient` from now on; zero means to the account itself.
    event RecipientSet(address indexed account, address recipient);

    /// @notice `amount` of `asset` arrived.
    event Funded(address indexed from, address indexed asset, uint256 amount);

    /// @notice `amount` of `asset`, owed to nobody, was taken out.
    event SurplusWithdrawn(address indexed asset, address indexed to, uint256 amount);

    /// @notice Claims of `asset` are stopped before the second `until`.
    event Paused(address indexed asset, uint256 until);

    /// @notice The pause of `asset` was lifted before its end.
    event Unpaused(address indexed asset);

    /// @notice Posting needs `quorum` attestations from now on.
    event AttestationQuorumSet(uint256 quorum);

    /// @notice An address that must name somebody was zero.
    error ZeroAddress();
    /// @notice The record is not that of the next epoch: it was posted already, or comes too early.
    error UnexpectedEpoch(uint256 given, uint256 expected);
    /// @notice The record does not continue the chain of records.
    error UnexpectedPrevious(bytes32 given, bytes32 expected);
    /// @notice The record has no root. An epoch in which nobody ever earned is not posted.
    error ZeroRoot();
    /// @notice Totals are not strictly ascending by asset.
    error TotalsNotAscending(address asset, address before);
    /// @notice Totals leave out an asset that an earlier epoch listed.
    error TotalsOmitAsset(uint256 listed, uint256 known);
    /// @notice A total is lower than before, or lists a new asset with nothing.
    error TotalTooLow(address asset, uint256 given, uint256 least);
    /// @notice A total exceeds what the books can hold: 2⁹⁶−1 for ETH, 2¹⁰⁴−1 for tokens.
    error TotalTooHigh(address asset, uint256 given, uint256 most);
    /// @notice The contract holds less than it would owe.
    error Insolvent(address asset, uint256 owed, uint256 held);
    /// @notice Too few attestations.
    error QuorumNotReached(uint256 given, uint256 required);
    /// @notice Attestations are not strictly ascending by signer.
    error AttestorsNotAscending(address signer, address before);
    /// @notice The signature is not one of `signer` over the expected message.
    error InvalidSignature(address signer);
    /// @notice The signed permission has ended.
    error SignatureExpired(uint256 deadline, uint256 timestamp);
    /// @notice There is no such epoch.
    error UnknownEpoch(uint256 epoch, uint256 latest);
    /// @notice The epoch cannot be claimed against yet.
    error EpochNotActive(uint256 epoch, uint256 activatesAt, uint256 timestamp);
    /// @notice The epoch is active and stands for ever.
    error EpochActive(uint256 epoch, uint256 activatesAt, uint256 timestamp);
    /// @notice The record given is not the one that was posted.
    error UnexpectedRecord(bytes27 given, bytes27 expected);
    /// @notice The proof leads to another root.
    error InvalidProof(bytes32 computed, bytes32 root);
    /// @notice The parts of the multiproof do not fit: it has this many hashes, and its flags use that many.
    error InvalidMultiproof(uint256 hashes, uint256 used);
    /// @notice The account has received this much already.
    error NothingToClaim(address account, address asset, uint256 cumulative, uint256 claimed);
    /// @notice Claims of this asset are stopped.
    error AssetPaused(address asset, uint256 until, uint256 timestamp);
    /// @notice Paying would bring the asset's claims above its declared total: the tree holds more than its record says.
    error DeclaredTotalExceeded(address asset, uint256 amount, uint256 left);
    /// @notice The recipient or the token did not take the payment.
    error TransferFailed(address asset, address recipient, uint256 amount);
    /// @notice Too little gas is left to give every recipient of the batch its full allowance.
    error GasTooLow(uint256 left, uint256 required);
    /// @notice This address cannot receive payments.
    error InvalidRecipient(address recipient);
    /// @notice The ETH sent is not the amount named.
    error UnexpectedValue(uint256 sent, uint256 expected);
    /// @notice More was asked for than what is owed to nobody.
    error SurplusExceeded(address asset, uint256 asked, uint256 surplus);
    /// @notice The last pause of this asset is running or too recent.
    error PauseTooSoon(address asset, uint256 timestamp, uint256 allowedFrom);
    /// @notice There is no pause to lift.
    error NotPaused(address asset, uint256 pausedUntil, uint256 timestamp);

    // Posting

    /// @notice Posts the next epoch. Role `POSTER`. ETH sent along is kept and counts for solvency.
    /// @dev Requirements:
    /// - `record.epoch` is `latestEpoch() + 1` and `record.previous` is `head()`, so a second or stale post reverts;
    /// - `record.root` is not zero;
    /// - totals list every asset known, strictly ascending, none lower than before, a new one above zero;
    /// - for each of them `cumulative − claimed` is at most what the contract holds;
    /// - every attestation is valid, signers are `ATTESTOR`s in strictly ascending order, at least the quorum of them.
    ///
    /// WARNING: Solvency is checked for every listed asset, not only for those that grew. A token that shrinks balances
    /// or whose `balanceOf` fails stops further posts until it is made good; active epochs stay claimable.
    /// @param attestations Each is the signer's address (20 bytes) followed by its signature of the record: 65 bytes of
    /// ECDSA, or whatever the signer's ERC-1271 contract accepts.
    /// @return activatesAt When the epoch becomes active, fixed here and now.
    function postEpoch(EpochRecord calldata record, bytes[] calldata attestations)
        external
        payable
        returns (uint256 activatesAt);

    /// @notice Takes back the epoch and all after it, none of which is active yet. Role `GUARDIAN`.
    /// Head and totals become those of the epoch before, and the same number can be posted again, corrected.
    /// @dev Requirements: the epoch is posted and not active; `last` is the record of the epoch before, as posted
    /// (an empty record when `epoch` is 1).
    ///
    /// NOTE: Where an active but wrong tree was paid beyond the restored total, what was paid stays declared.
    function revokeFrom(uint256 epoch, EpochRecord calldata last) external;

    // Claiming

    /// @notice Pays the leaf's account, at its recipient, what it has not received yet. Anyone may call.
    /// @dev Requirements: the epoch is active; the proof leads to its root; the asset is not paused; something is left to
    /// pay; the asset's claims stay within its declared total; recipient and token take the payment.
    ///
    /// NOTE: Any active epoch will do, so a new post never invalidates a proof in flight.
    /// @return paid The amount paid.
    function claim(uint256 epoch, Leaf calldata leaf, bytes32[] calldata proof) external returns (uint256 paid);

    /// @notice Pays many leaves with one multiproof. Anyone may call.
    /// A leaf that `claim` would refuse is skipped with an event and unchanged state: one bad worker never stops others.
    /// @dev Requirements: the epoch is active; one leaf or more, proof and flags are an OpenZeppelin multiproof of its root.
    /// Each payment is given `SEND_GAS` gas at most, and the whole batch reverts rather than give one less than that:
    /// `TransferFailed` in `ClaimSkipped` always means that recipient or token refused with its allowance in hand.
    ///
    /// WARNING: A hostile recipient can burn its allowance. Whoever pays for gas should leave out accounts that refused.
    /// @return paid How many of the leaves were paid.
    function claimBatch(uint256 epoch, Leaf[] calldata leaves, bytes32[] calldata proof, bool[] calldata flags)
        external
        returns (uint256 paid);

    /// @notice Sends the caller's payments to `recipient` from now on; zero makes it the caller itself again.
    /// Voids permissions that the caller signed before and nobody used.
    /// @dev Requirements: the recipient is not this contract.
    function setRecipient(address recipient) external;

    /// @notice The same for `account`, who signed `SetRecipient(account, recipient, nonce, deadline)`. Anyone may call.
    /// @dev Requirements: now is not after the deadline; the signature (ECDSA or ERC-1271) is the account's, over its
    /// current nonce `nonces(account)`; the recipient is not this contract.
    function setRecipientWithSig(address account, address recipient, uint256 deadline, bytes calldata signature) external;

    // Funds

    /// @notice Takes `amount` of `asset` from the caller. Plain ETH transfers are accepted too.
    /// @dev Requirements: the ETH sent is exactly `amount` for ETH and zero for a token; the token transfer succeeds.
    /// @return received What arrived by the difference of balances: less than `amount` for a token that takes a fee.
    function fund(address asset, uint256 amount) external payable returns (uint256 received);

    /// @notice Takes out what is owed to nobody. Admin. There is no other way out but claims.
    /// @dev Requirements: `amount` is at most `surplusOf(asset)`; `to` is neither zero nor this contract and takes it.
    function withdrawSurplus(address asset, address to, uint256 amount) external;

    // Stopping

    /// @notice Stops claims of one asset for `MAX_PAUSE` seconds; the pause ends by itself. Role `GUARDIAN`.
    /// @dev Requirements: since the end of the asset's last pause as long again has passed.
    function pause(address asset) external;

    /// @notice Lifts a pause. Admin.
    /// @dev Requirements: the asset is paused.
    function unpause(address asset) external;

    /// @notice Sets how many attestations a post needs; zero is allowed. Admin.
    function setAttestationQuorum(uint32 quorum) external;

    // Views

    /// @notice Seconds between posting and activation. Fixed for ever, so the time to revoke can never be taken away.
    function activationDelay() external view returns (uint256);

    /// @notice The longest pause, and the shortest time between two, in seconds.
    function MAX_PAUSE() external view returns (uint256);

    /// @notice Gas that a recipient or token may use in a batch.
    function SEND_GAS() external view returns (uint256);

    /// @notice How many attestations a post needs.
    function attestationQuorum() external view returns (uint32);

    /// @notice The number of the newest epoch that stands, active or not; zero before the first.
    function latestEpoch() external view returns (uint64);

    /// @notice The record hash of the newest epoch that stands; zero before the first.
    function head() external view returns (bytes32);

    /// @notice What is kept of an epoch (see `Epoch`); all zero when there is none.
    function epochs(uint256 epoch) external view returns (bytes32 root, uint40 activatesAt, bytes27 recordId);

    /// @notice The books of an asset (see `AssetState`); all zero when it is unknown.
    function assets(address asset)
        external
        view
        returns (uint104 allocated, uint104 claimed, uint40 pausedUntil, bool listed);

    /// @notice Every asset listed so far, in the order of first listing.
    function assetList() external view returns (address[] memory);

    /// @notice What the account has received of the asset so far.
    function claimed(address account, address asset) external view returns (uint256);

    /// @notice Where the account's payments go: the recipient it set, or itself.
    function recipientOf(address account) external view returns (address);

    /// @notice What the contract holds of the asset above what it owes.
    /// @dev WARNING: Too high inside a token's transfer of a claim, when the amount is no longer owed and not yet gone.
    function surplusOf(address asset) external view returns (uint256);

    /// @notice The EIP-712 struct hash of a record.
    function hashRecord(EpochRecord calldata record) external pure returns (bytes32);

    /// @notice The leaf of the entitlement tree, as in `StandardMerkleTree`.
    function hashLeaf(Leaf calldata leaf) external pure returns (bytes32);

    /// @notice The leaf of the earnings tree, as in `StandardMerkleTree`.
    function hashEarning(uint256 epoch, address account, address asset, uint256 earned) external pure returns (bytes32);

    /// @notice Whether the leaf is in the entitlement tree of an epoch that stands, active or not.
    function verifyLeaf(uint256 epoch, Leaf calldata leaf, bytes32[] calldata proof) external view returns (bool);

    /// @notice Whether `record` stands and says that in its epoch the account earned exactly this much of the asset.
    function verifyEarning(
        EpochRecord calldata record,
        address account,
        address asset,
        uint256 earned,
        bytes32[] calldata proof
    ) external view returns (bool);
}
