// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {
    AccessControlDefaultAdminRules as DefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Accounts} from "./Accounts.sol";
import {Asset} from "./Asset.sol";
import {IRewardsDistributor} from "./IRewardsDistributor.sol";
import {Merkle} from "./Merkle.sol";

/// @title The payout contract of one pool: immutable, no proxy
contract RewardsDistributor is Accounts, DefaultAdminRules, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using Asset for address;

    bytes32 public constant POSTER = keccak256("POSTER");
    bytes32 public constant GUARDIAN = keccak256("GUARDIAN");
    bytes32 public constant ATTESTOR = keccak256("ATTESTOR");
    /// @inheritdoc IRewardsDistributor
    uint256 public constant MAX_PAUSE = 7 days;
    /// @inheritdoc IRewardsDistributor
    uint256 public constant SEND_GAS = 100_000;
    /// `SEND_GAS`, and at most what comes off before it: the books, the call, a new account, the 1/64 held back by the EVM.
    uint256 private constant GAS_BEFORE_PAYING = SEND_GAS + 100_000;

    /// @inheritdoc IRewardsDistributor
    uint256 public immutable activationDelay;
    /// @inheritdoc IRewardsDistributor
    uint64 public latestEpoch;
    /// @inheritdoc IRewardsDistributor
    uint32 public attestationQuorum;
    /// @inheritdoc IRewardsDistributor
    bytes32 public head;
    /// @inheritdoc IRewardsDistributor
    mapping(uint256 epoch => Epoch) public epochs;
    /// @inheritdoc IRewardsDistributor
    mapping(address asset => AssetState) public assets;
    address[] private _assetList;

    constructor(address admin, uint48 adminDelaySeconds, address poster, address guardian, uint32 activationDelaySeconds)
        DefaultAdminRules(adminDelaySeconds, admin)
    {
        if (poster == address(0) || guardian == address(0)) revert ZeroAddress();
        activationDelay = activationDelaySeconds;
        _grantRole(POSTER, poster);
        _grantRole(GUARDIAN, guardian);
    }

    receive() external payable {
        emit Funded(msg.sender, Asset.ETH, msg.value);
    }

    /// @inheritdoc IRewardsDistributor
    function postEpoch(EpochRecord calldata record, bytes[] calldata attestations)
        external
        payable
        nonReentrant
        onlyRole(POSTER)
        returns (uint256 activatesAt)
    {
        // Check
        uint256 epoch = uint256(latestEpoch) + 1;
        if (record.epoch != epoch) revert UnexpectedEpoch(record.epoch, epoch);
        if (record.previous != head) revert UnexpectedPrevious(record.previous, head);
        if (record.root == 0) revert ZeroRoot();
        bytes32 recordHash = hashRecord(record);
        _checkAttestations(recordHash, attestations);
        // Effect
        _declare(record.totals);
        activatesAt = block.timestamp + activationDelay;
        epochs[epoch] = Epoch(record.root, uint40(activatesAt), bytes27(recordHash));
        (latestEpoch, head) = (uint64(epoch), recordHash);
        emit EpochPosted(epoch, recordHash, activatesAt, record);
    }

    /// @inheritdoc IRewardsDistributor
    function revokeFrom(uint256 epoch, EpochRecord calldata last) external nonReentrant onlyRole(GUARDIAN) {
        // Check
        uint256 activatesAt = _activatesAt(epoch);
        if (block.timestamp >= activatesAt) revert EpochActive(epoch, activatesAt, block.timestamp);
        bytes32 recordHash = epoch == 1 && last.totals.length == 0 ? bytes32(0) : hashRecord(last);
        bytes27 expected = epochs[epoch - 1].recordId;
        if (bytes27(recordHash) != expected) revert UnexpectedRecord(bytes27(recordHash), expected);
        // Effect: what a wrong tree was paid on revoked totals stays declared, so claimed never exceeds allocated
        for (uint256 i = _assetList.length; i > last.totals.length; --i) {
            AssetState storage state = assets[_assetList[i - 1]];
            (state.listed, state.allocated) = (false, state.claimed);
            _assetList.pop();
        }
        for (uint256 i; i < last.totals.length; ++i) {
            AssetState storage state = assets[last.totals[i].asset];
            state.allocated = uint104(Math.max(last.totals[i].cumulative, state.claimed));
        }
        uint256 latest = latestEpoch;
        for (uint256 i = epoch; i <= latest; ++i) delete epochs[i];
        (latestEpoch, head) = (uint64(epoch - 1), recordHash);
        emit EpochsRevoked(epoch, latest, recordHash);
    }

    /// @inheritdoc IRewardsDistributor
    function claim(uint256 epoch, Leaf calldata leaf, bytes32[] calldata proof)
        external
        nonReentrant
        returns (uint256 paid)
    {
        _checkRoot(epoch, Merkle.fold(proof, hashLeaf(leaf)));
        bytes memory refusal;
        (paid, refusal) = _pay(epoch, leaf, gasleft());
        if (paid == 0) {
            assembly ("memory-safe") {
                revert(add(refusal, 32), mload(refusal))
            }
        }
    }

    /// @inheritdoc IRewardsDistributor
    function claimBatch(uint256 epoch, Leaf[] calldata leaves, bytes32[] calldata proof, bool[] calldata flags)
        external
        nonReentrant
        returns (uint256 paid)
    {
        bytes32[] memory queue = new bytes32[](leaves.length + flags.length);
        for (uint256 i; i < leaves.length; ++i) queue[i] = hashLeaf(leaves[i]);
        _checkRoot(epoch, Merkle.fold(proof, flags, queue));
        for (uint256 i; i < leaves.length; ++i) {
            if (gasleft() < GAS_BEFORE_PAYING) revert GasTooLow(gasleft(), GAS_BEFORE_PAYING);
            (uint256 amount, bytes memory refusal) = _pay(epoch, leaves[i], SEND_GAS);
            if (amount != 0) ++paid;
            else emit ClaimSkipped(leaves[i].account, leaves[i].asset, epoch, refusal);
        }
    }

    /// @inheritdoc IRewardsDistributor
    function fund(address asset, uint256 amount) external payable nonReentrant returns (uint256 received) {
        // Check
        uint256 expected = asset == Asset.ETH ? amount : 0;
        if (msg.value != expected) revert UnexpectedValue(msg.value, expected);
        // Interaction
        uint256 before = asset.held() - msg.value;
        if (asset != Asset.ETH) IERC20(asset).safeTransferFrom(msg.sender, address(this), amount);
        received = asset.held() - before;
        emit Funded(msg.sender, asset, received);
    }

    /// @inheritdoc IRewardsDistributor
    function withdrawSurplus(address asset, address to, uint256 amount)
        external
        nonReentrant
        onlyRole(DEFAULT_ADMIN_ROLE)
    {
        // Check
        if (to == address(0) || to == address(this)) revert InvalidRecipient(to);
        uint256 surplus = surplusOf(asset);
        if (amount > surplus) revert SurplusExceeded(asset, amount, surplus);
        // Interaction
        if (!asset.trySend(to, amount, gasleft())) revert TransferFailed(asset, to, amount);
        emit SurplusWithdrawn(asset, to, amount);
    }

    /// @inheritdoc IRewardsDistributor
    function pause(address asset) external onlyRole(GUARDIAN) {
        uint256 pausedUntil = assets[asset].pausedUntil;
        uint256 allowedFrom = pausedUntil == 0 ? 0 : pausedUntil + MAX_PAUSE;
        if (block.timestamp < allowedFrom) revert PauseTooSoon(asset, block.timestamp, allowedFrom);
        assets[asset].pausedUntil = uint40(block.timestamp + MAX_PAUSE);
        emit Paused(asset, block.timestamp + MAX_PAUSE);
    }

    /// @inheritdoc IRewardsDistributor
    function unpause(address asset) external onlyRole(DEFAULT_ADMIN_ROLE) {
        uint256 pausedUntil = assets[asset].pausedUntil;
        if (block.timestamp >= pausedUntil) revert NotPaused(asset, pausedUntil, block.timestamp);
        assets[asset].pausedUntil = uint40(block.timestamp);
        emit Unpaused(asset);
    }

    /// @inheritdoc IRewardsDistributor
    function setAttestationQuorum(uint32 quorum) external onlyRole(DEFAULT_ADMIN_ROLE) {
        attestationQuorum = quorum;
        emit AttestationQuorumSet(quorum);
    }

    /// @inheritdoc IRewardsDistributor
    function assetList() external view returns (address[] memory) {
        return _assetList;
    }

    /// @inheritdoc IRewardsDistributor
    function surplusOf(address asset) public view returns (uint256) {
        return Math.saturatingSub(asset.held(), assets[asset].allocated - assets[asset].claimed);
    }

    /// @inheritdoc IRewardsDistributor
    function verifyLeaf(uint256 epoch, Leaf calldata leaf, bytes32[] calldata proof) external view returns (bool) {
        return Merkle.fold(proof, hashLeaf(leaf)) == epochs[epoch].root;
    }

    /// @inheritdoc IRewardsDistributor
    function verifyEarning(
        EpochRecord calldata record,
        address account,
        address asset,
        uint256 earned,
        bytes32[] calldata proof
    ) external view returns (bool) {
        bytes32 leaf = hashEarning(record.epoch, account, asset, earned);
        return bytes27(hashRecord(record)) == epochs[record.epoch].recordId
            && Merkle.fold(proof, leaf) == record.earningsRoot;
    }

    /// Checks the totals of a record against the books and the holdings, and enters them.
    function _declare(AssetTotal[] calldata totals) private {
        uint256 known = _assetList.length;
        uint256 listed;
        address before;
        for (uint256 i; i < totals.length; ++i) {
            (address asset, uint256 cumulative) = (totals[i].asset, totals[i].cumulative);
            AssetState storage state = assets[asset];
            if (i > 0 && asset <= before) revert TotalsNotAscending(asset, before);
            uint256 least = Math.max(state.allocated, 1);
            if (cumulative < least) revert TotalTooLow(asset, cumulative, least);
            uint256 most = asset == Asset.ETH ? type(uint96).max : type(uint104).max;
            if (cumulative > most) revert TotalTooHigh(asset, cumulative, most);
            (uint256 owed, uint256 held) = (cumulative - state.claimed, asset.held());
            if (owed > held) revert Insolvent(asset, owed, held);
            if (state.listed) ++listed;
            else _assetList.push(asset);
            (state.listed, state.allocated, before) = (true, uint104(cumulative), asset);
        }
        if (listed < known) revert TotalsOmitAsset(listed, known);
    }

    /// Pays a leaf, or changes nothing and says why as the encoded error.
    function _pay(uint256 epoch, Leaf calldata leaf, uint256 gasLimit)
        private
        returns (uint256 amount, bytes memory refusal)
    {
        // Check
        (address account, address asset, uint256 cumulative) = (leaf.account, leaf.asset, leaf.cumulative);
        AssetState storage state = assets[asset];
        (uint256 allocated, uint256 paid, uint256 pausedUntil) = (state.allocated, state.claimed, state.pausedUntil);
        (uint256 before, address recipient) = _read(account, asset);
        address to = recipient == address(0) ? account : recipient;
        if (account == address(0)) return (0, abi.encodeWithSelector(ZeroAddress.selector));
        if (block.timestamp < pausedUntil) {
            return (0, abi.encodeWithSelector(AssetPaused.selector, asset, pausedUntil, block.timestamp));
        }
        if (cumulative <= before) {
            return (0, abi.encodeWithSelector(NothingToClaim.selector, account, asset, cumulative, before));
        }
        amount = cumulative - before;
        if (amount > allocated - paid) {
            return (0, abi.encodeWithSelector(DeclaredTotalExceeded.selector, asset, amount, allocated - paid));
        }
        // Effect
        state.claimed = uint104(paid + amount);
        _write(account, asset, cumulative, recipient);
        // Interaction
        if (!asset.trySend(to, amount, gasLimit)) {
            // Nothing else claimed meanwhile: every claim is behind the reentrancy guard.
            state.claimed = uint104(paid);
            _write(account, asset, before, recipient);
            return (0, abi.encodeWithSelector(TransferFailed.selector, asset, to, amount));
        }
        emit Claimed(account, asset, to, epoch, amount, cumulative);
    }

    /// When an existing epoch becomes active.
    function _activatesAt(uint256 epoch) private view returns (uint256 activatesAt) {
        activatesAt = epochs[epoch].activatesAt;
        if (activatesAt == 0) revert UnknownEpoch(epoch, latestEpoch);
    }

    /// That the epoch is active and the proof leads to its root.
    function _checkRoot(uint256 epoch, bytes32 computed) private view {
        uint256 activatesAt = _activatesAt(epoch);
        if (block.timestamp < activatesAt) revert EpochNotActive(epoch, activatesAt, block.timestamp);
        if (computed != epochs[epoch].root) revert InvalidProof(computed, epochs[epoch].root);
    }

    function _checkAttestations(bytes32 recordHash, bytes[] calldata attestations) private view {
        if (attestations.length < attestationQuorum) revert QuorumNotReached(attestations.length, attestationQuorum);
        address before;
        for (uint256 i; i < attestations.length; ++i) {
            address signer = address(bytes20(attestations[i]));
            if (signer <= before) revert AttestorsNotAscending(signer, before);
            _checkRole(ATTESTOR, signer);
            _checkSignature(signer, recordHash, attestations[i][20:]);
            before = signer;
        }
    }
}
