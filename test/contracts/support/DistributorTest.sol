// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRewardsDistributor} from "../../../contracts/IRewardsDistributor.sol";
import {IPool, newPool} from "./Pool.sol";
import {Tree} from "./Tree.sol";
import {vm} from "./Vm.sol";

/// A distributor with its roles held by different addresses, and short words for what tests do with it.
abstract contract DistributorTest {
    address internal constant ETH = address(0);
    uint32 internal constant DELAY = 1 days;
    /// Time at the start of each test. Tests count from here: the optimizer takes `block.timestamp` for a constant.
    uint256 internal constant START = 1_000_000;
    address internal constant ADMIN = address(0xAD);
    address internal constant POSTER = address(0xB0);
    address internal constant GUARDIAN = address(0xC0);
    address internal constant ANYONE = address(0xD0);

    IPool internal distributor;
    /// The record posted last.
    IRewardsDistributor.EpochRecord internal posted;

    function setUp() public virtual {
        vm.warp(START);
        distributor = newPool(ADMIN, 2 days, POSTER, GUARDIAN, DELAY);
    }

    /// Distinct accounts without code or balance.
    function account(uint256 i) internal pure returns (address) {
        return address(uint160(uint256(keccak256(abi.encode("account", i)))));
    }

    function leaf(address who, address asset, uint256 cumulative)
        internal
        pure
        returns (IRewardsDistributor.Leaf memory)
    {
        return IRewardsDistributor.Leaf(who, asset, cumulative);
    }

    /// `n` accounts with 100, 200, 300 … times `factor` of the asset.
    function ladder(uint256 n, address asset, uint256 factor)
        internal
        pure
        returns (IRewardsDistributor.Leaf[] memory leaves)
    {
        leaves = new IRewardsDistributor.Leaf[](n);
        for (uint256 i; i < n; ++i) leaves[i] = leaf(account(i), asset, 100 * (i + 1) * factor);
    }

    function one(IRewardsDistributor.Leaf memory only) internal pure returns (IRewardsDistributor.Leaf[] memory leaves) {
        leaves = new IRewardsDistributor.Leaf[](1);
        leaves[0] = only;
    }

    function sum(IRewardsDistributor.Leaf[] memory leaves) internal pure returns (uint256 total) {
        for (uint256 i; i < leaves.length; ++i) total += leaves[i].cumulative;
    }

    /// A record that continues the chain with one asset.
    function recordOf(bytes32 root, address asset, uint256 total)
        internal
        view
        returns (IRewardsDistributor.EpochRecord memory record)
    {
        record.epoch = distributor.latestEpoch() + 1;
        record.previous = distributor.head();
        record.root = root;
        record.earningsRoot = keccak256("earnings");
        record.manifestHash = keccak256("manifest");
        record.totals = new IRewardsDistributor.AssetTotal[](1);
        record.totals[0] = IRewardsDistributor.AssetTotal(asset, total);
    }

    /// The same with a second asset.
    function withTotal(IRewardsDistributor.EpochRecord memory record, address asset, uint256 total)
        internal
        pure
        returns (IRewardsDistributor.EpochRecord memory)
    {
        IRewardsDistributor.AssetTotal[] memory totals =
            new IRewardsDistributor.AssetTotal[](record.totals.length + 1);
        for (uint256 i; i < record.totals.length; ++i) totals[i] = record.totals[i];
        totals[record.totals.length] = IRewardsDistributor.AssetTotal(asset, total);
        record.totals = totals;
        return record;
    }

    function emptyRecord() internal pure returns (IRewardsDistributor.EpochRecord memory record) {}

    function post(IRewardsDistributor.EpochRecord memory record) internal {
        vm.prank(POSTER);
        distributor.postEpoch(record, new bytes[](0));
        posted = record;
    }

    /// Posts the leaves of one asset, with the money for ETH, and returns their epoch.
    function postLeaves(IRewardsDistributor.Leaf[] memory leaves) internal returns (uint256 epoch) {
        uint256 total = sum(leaves);
        if (leaves[0].asset == ETH) vm.deal(address(distributor), total);
        IRewardsDistributor.EpochRecord memory record = recordOf(Tree.root(leaves), leaves[0].asset, total);
        post(record);
        return record.epoch;
    }

    function postActive(IRewardsDistributor.Leaf[] memory leaves) internal returns (uint256 epoch) {
        epoch = postLeaves(leaves);
        vm.warp(block.timestamp + DELAY);
    }

    function claim(uint256 epoch, IRewardsDistributor.Leaf[] memory leaves, uint256 i) internal returns (uint256) {
        bytes32[] memory proof = Tree.proof(leaves, i);
        vm.prank(ANYONE);
        return distributor.claim(epoch, leaves[i], proof);
    }

    function claimAll(uint256 epoch, IRewardsDistributor.Leaf[] memory leaves) internal returns (uint256) {
        uint256[] memory chosen = new uint256[](leaves.length);
        for (uint256 i; i < leaves.length; ++i) chosen[i] = i;
        return claimSome(epoch, leaves, chosen);
    }

    function claimSome(uint256 epoch, IRewardsDistributor.Leaf[] memory leaves, uint256[] memory chosen)
        internal
        returns (uint256)
    {
        (IRewardsDistributor.Leaf[] memory taken, bytes32[] memory proof, bool[] memory flags) =
            Tree.multiproof(leaves, chosen);
        return distributor.claimBatch(epoch, taken, proof, flags);
    }

    function allocatedOf(address asset) internal view returns (uint256 allocated) {
        (allocated,,,) = distributor.assets(asset);
    }

    function claimedOf(address asset) internal view returns (uint256 claimed) {
        (, claimed,,) = distributor.assets(asset);
    }

    function eq(uint256 given, uint256 expected) internal pure {
        if (given != expected) revert Unequal(bytes32(given), bytes32(expected));
    }

    function eq(address given, address expected) internal pure {
        if (given != expected) revert Unequal(bytes32(uint256(uint160(given))), bytes32(uint256(uint160(expected))));
    }

    function eq(bytes32 given, bytes32 expected) internal pure {
        if (given != expected) revert Unequal(given, expected);
    }

    function yes(bool condition) internal pure {
        if (!condition) revert Untrue();
    }

    error Unequal(bytes32 given, bytes32 expected);
    error Untrue();
}
