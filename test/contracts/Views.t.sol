// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {IRewardsDistributor} from "../../contracts/IRewardsDistributor.sol";
import {Merkle} from "../../contracts/Merkle.sol";
import {DistributorTest} from "./support/DistributorTest.sol";
import {Tree} from "./support/Tree.sol";
import {vm} from "./support/Vm.sol";

/// OpenZeppelin's folding beside ours.
contract Folds {
    function ours(bytes32[] calldata proof, bytes32 leaf) external pure returns (bytes32) {
        return Merkle.fold(proof, leaf);
    }

    function theirs(bytes32[] calldata proof, bytes32 leaf) external pure returns (bytes32) {
        return MerkleProof.processProofCalldata(proof, leaf);
    }

    function oursOfMany(bytes32[] calldata proof, bool[] calldata flags, bytes32[] calldata leaves)
        external
        pure
        returns (bytes32)
    {
        bytes32[] memory queue = new bytes32[](leaves.length + flags.length);
        for (uint256 i; i < leaves.length; ++i) queue[i] = leaves[i];
        return Merkle.fold(proof, flags, queue);
    }

    function theirsOfMany(bytes32[] calldata proof, bool[] calldata flags, bytes32[] memory leaves)
        external
        pure
        returns (bytes32)
    {
        return MerkleProof.processMultiProofCalldata(proof, flags, leaves);
    }
}

contract ViewsTest is DistributorTest {
    Folds private folds = new Folds();

    function testFuzz_Fold_IsOpenZeppelins(bytes32[] calldata proof, bytes32 leafHash) external view {
        eq(folds.ours(proof, leafHash), folds.theirs(proof, leafHash));
    }

    function testFuzz_FoldOfMany_IsOpenZeppelins(uint256 size, uint256 choice, bytes32 seed) external view {
        (bytes32[] memory proof, bool[] memory flags, bytes32[] memory leaves, bytes32 root) =
            sound(1 + size % 24, choice, seed);
        eq(folds.oursOfMany(proof, flags, leaves), root);
        eq(folds.theirsOfMany(proof, flags, leaves), root);
    }

    /// Whatever is broken in a sound multiproof: both refuse, or both give the same other root.
    function testFuzz_FoldOfMany_WhenBroken_IsStillOpenZeppelins(
        uint256 size,
        uint256 choice,
        bytes32 seed,
        uint256 fault
    ) external view {
        (bytes32[] memory proof, bool[] memory flags, bytes32[] memory leaves,) = sound(2 + size % 24, choice, seed);
        if (fault % 5 == 0) flags[(fault / 5) % flags.length] = !flags[(fault / 5) % flags.length];
        if (fault % 5 == 1) flags = new bool[](flags.length + 1);
        if (fault % 5 == 2) assembly { mstore(leaves, sub(mload(leaves), 1)) }
        if (fault % 5 == 3) proof = new bytes32[](proof.length + 1);
        if (fault % 5 == 4) leaves[(fault / 5) % leaves.length] = seed;
        agree(proof, flags, leaves);
    }

    /// Anything at all.
    function testFuzz_FoldOfMany_OfAnything_IsOpenZeppelins(
        bytes32[] calldata proof,
        bool[] calldata flags,
        bytes32[] calldata leaves
    ) external view {
        agree(proof, flags, leaves);
    }

    /// Few enough hashes that the counts often fit.
    function testFuzz_FoldOfMany_OfAnythingThatFits_IsOpenZeppelins(uint8 bits, uint256 leafCount, bytes32 seed)
        external
        view
    {
        bool[] memory flags = new bool[](1 + uint256(bits) % 7);
        for (uint256 i; i < flags.length; ++i) flags[i] = bits >> i & 1 == 1;
        bytes32[] memory leaves = new bytes32[](1 + leafCount % (flags.length + 1));
        bytes32[] memory proof = new bytes32[](flags.length + 1 - leaves.length);
        for (uint256 i; i < leaves.length; ++i) leaves[i] = keccak256(abi.encode(seed, i));
        for (uint256 i; i < proof.length; ++i) proof[i] = keccak256(abi.encode(i, seed));
        agree(proof, flags, leaves);
    }

    function agree(bytes32[] memory proof, bool[] memory flags, bytes32[] memory leaves) private view {
        bytes32 ours;
        bytes32 theirs;
        try folds.oursOfMany(proof, flags, leaves) returns (bytes32 root) { ours = root; } catch {}
        // An empty batch proves nothing: it is refused here, and folds to the one proof element there.
        if (leaves.length > 0) {
            try folds.theirsOfMany(proof, flags, leaves) returns (bytes32 root) { theirs = root; } catch {}
        }
        eq(ours, theirs);
    }

    function sound(uint256 size, uint256 choice, bytes32 seed)
        private
        pure
        returns (bytes32[] memory proof, bool[] memory flags, bytes32[] memory leaves, bytes32 root)
    {
        bytes32[] memory all = new bytes32[](size);
        for (uint256 i; i < size; ++i) all[i] = keccak256(abi.encode(seed, i));
        bytes32[] memory nodes = Tree.build(all);
        uint256[] memory queue = new uint256[](2 * nodes.length);
        uint256 count;
        for (uint256 i = nodes.length; i > size - 1; --i) {
            if (choice >> i & 1 == 1 || (count == 0 && i == size)) queue[count++] = i - 1;
        }
        leaves = new bytes32[](count);
        for (uint256 i; i < count; ++i) leaves[i] = nodes[queue[i]];
        (proof, flags) = Tree.walk(nodes, queue, count);
        root = nodes[0];
    }

    function test_GivenTornMultiproofs_WhenFolded_TheyAreRefusedWithTheCounts() external {
        bytes4 selector = IRewardsDistributor.InvalidMultiproof.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, 1, 1));
        folds.oursOfMany(new bytes32[](1), new bool[](0), new bytes32[](0));
        vm.expectRevert(abi.encodeWithSelector(selector, 3, 2));
        folds.oursOfMany(new bytes32[](1), new bool[](1), new bytes32[](2));
        bool[] memory flags = new bool[](2);
        (flags[0], flags[1]) = (true, true);
        vm.expectRevert(abi.encodeWithSelector(selector, 0, 1));
        folds.oursOfMany(new bytes32[](1), flags, new bytes32[](2));
    }

    function testFuzz_HashLeaf_IsStandardMerkleTrees(address who, address asset, uint256 cumulative) external view {
        IRewardsDistributor.Leaf memory given = leaf(who, asset, cumulative);
        eq(distributor.hashLeaf(given), Tree.hashLeaf(given));
        bytes32 expected = keccak256(abi.encodePacked(keccak256(abi.encode(cumulative, who, asset, cumulative))));
        eq(distributor.hashEarning(cumulative, who, asset, cumulative), expected);
    }

    function test_GivenAnEarning_WhenVerified_OnlyTheTrueStatementHolds() external {
        bytes32[] memory leaves = new bytes32[](2);
        leaves[0] = distributor.hashEarning(1, account(1), ETH, 40);
        leaves[1] = distributor.hashEarning(1, account(2), ETH, 60);
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = leaves[1];
        vm.deal(address(distributor), 100);
        IRewardsDistributor.EpochRecord memory record = recordOf(keccak256("root"), ETH, 100);
        record.earningsRoot = Tree.build(leaves)[0];
        yes(!distributor.verifyEarning(record, account(1), ETH, 40, proof));
        post(record);
        yes(distributor.verifyEarning(record, account(1), ETH, 40, proof));
        yes(!distributor.verifyEarning(record, account(1), ETH, 41, proof));
        yes(!distributor.verifyEarning(record, account(3), ETH, 40, proof));
        yes(!distributor.verifyEarning(record, account(1), address(1), 40, proof));
        // Of a record that does not stand, nothing is true.
        record.manifestHash = 0;
        yes(!distributor.verifyEarning(record, account(1), ETH, 40, proof));
        record.manifestHash = keccak256("manifest");
        record.epoch = 2;
        yes(!distributor.verifyEarning(record, account(1), ETH, 40, proof));
        record.epoch = 1;
        vm.prank(GUARDIAN);
        distributor.revokeFrom(1, emptyRecord());
        yes(!distributor.verifyEarning(record, account(1), ETH, 40, proof));
    }

    function test_GivenALeaf_WhenVerified_WaitingEpochsCountAndUnknownOnesDoNot() external {
        IRewardsDistributor.Leaf[] memory leaves = ladder(3, ETH, 1);
        postLeaves(leaves);
        bytes32[] memory proof = Tree.proof(leaves, 2);
        yes(distributor.verifyLeaf(1, leaves[2], proof));
        yes(!distributor.verifyLeaf(1, leaves[1], proof));
        yes(!distributor.verifyLeaf(2, leaves[2], proof));
        yes(!distributor.verifyLeaf(0, leaves[2], proof));
    }
}
