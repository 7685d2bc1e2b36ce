// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {
    AccessControlDefaultAdminRules as DefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Accounts} from "./Accounts.sol";
import {Asset} from "./Asset.sol";
import {IRewardsDistributor} from "./IRewardsDistributor.sol";

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
    /// `SEND_GAS`, and what the 1/64 kept back by the EVM, the call itself and a new account cost at most.
    uint256 private constant GAS_BEFORE_SEND = SEND_GAS + 50_000;

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
        // Check
        _checkRoot(epoch, MerkleProof.processProofCalldata(proof, hashLeaf(leaf)));
        // Effect
        address recipient;
        bytes memory refusal;
        (paid, recipient, refusal) = _book(leaf.account, leaf.asset, leaf.cumulative);
        if (paid == 0) {
            assembly ("memory-safe") {
                revert(add(refusal, 32), mload(refusal))
            }
        }
        // Interaction
        if (!leaf.asset.trySend(recipient, paid, gasleft())) revert TransferFailed(leaf.asset, recipient, paid);
        emit Claimed(leaf.account, leaf.asset, recipient, epoch, paid, leaf.cumulative);
    }

    /// @inheritdoc IRewardsDistributor
    function claimBatch(uint256 epoch, Leaf[] calldata leaves, bytes32[] calldata proof, bool[] calldata flags)
        external
        nonReentrant
        returns (uint256 paid)
    {
        // Check
        bytes32[] memory hashes = new bytes32[](leaves.length);
        for (uint256 i; i < leaves.length; ++i) hashes[i] = hashLeaf(leaves[i]);
        _checkRoot(epoch, MerkleProof.processMultiProofCalldata(proof, flags, hashes));
        for (uint256 i; i < leaves.length; ++i) {
            if (_tryPay(epoch, leaves[i])) ++paid;
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
        return MerkleProof.verifyCalldata(proof, epochs[epoch].root, hashLeaf(leaf));
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
            && MerkleProof.verifyCalldata(proof, record.earningsRoot, leaf);
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

    /// Pays a leaf of a batch; or reports why not, and changes nothing.
    function _tryPay(uint256 epoch, Leaf calldata leaf) private returns (bool paid) {
        (address account, address asset, uint256 cumulative) = (leaf.account, leaf.asset, leaf.cumulative);
        // Effect
        (uint256 amount, address recipient, bytes memory refusal) = _book(account, asset, cumulative);
        if (amount != 0) {
            if (gasleft() < GAS_BEFORE_SEND) revert GasTooLow(gasleft(), GAS_BEFORE_SEND);
            // Interaction
            if (asset.trySend(recipient, amount, SEND_GAS)) {
                emit Claimed(account, asset, recipient, epoch, amount, cumulative);
                return true;
            }
            assets[asset].claimed -= uint104(amount);
            _setAccount(account, asset, cumulative - amount, recipient == account ? address(0) : recipient);
            refusal = abi.encodeWithSelector(TransferFailed.selector, asset, recipient, amount);
        }
        emit ClaimSkipped(account, asset, epoch, refusal);
    }

    /// Enters the payment of a leaf in the books; or says why not, as the encoded error, and changes nothing.
    function _book(address account, address asset, uint256 cumulative)
        private
        returns (uint256 amount, address recipient, bytes memory refusal)
    {
        AssetState storage state = assets[asset];
        (uint256 allocated, uint256 paid, uint256 pausedUntil) = (state.allocated, state.claimed, state.pausedUntil);
        uint256 before;
        (before, recipient) = _account(account, asset);
        if (account == address(0)) {
            refusal = abi.encodeWithSelector(ZeroAddress.selector);
        } else if (block.timestamp < pausedUntil) {
            refusal = abi.encodeWithSelector(AssetPaused.selector, asset, pausedUntil, block.timestamp);
        } else if (cumulative <= before) {
            refusal = abi.encodeWithSelector(NothingToClaim.selector, account, asset, cumulative, before);
        } else if (cumulative - before > allocated - paid) {
            uint256 left = allocated - paid;
            refusal = abi.encodeWithSelector(DeclaredTotalExceeded.selector, asset, cumulative - before, left);
        } else {
            amount = cumulative - before;
            state.claimed = uint104(paid + amount);
            _setAccount(account, asset, cumulative, recipient);
            if (recipient == address(0)) recipient = account;
        }
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
