// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRewardsDistributor} from "../../../contracts/IRewardsDistributor.sol";

/// OpenZeppelin's `StandardMerkleTree`, written out once more and slowly, so that the contract is not its own witness.
library Tree {
    function hashLeaf(IRewardsDistributor.Leaf memory leaf) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(keccak256(abi.encode(leaf.account, leaf.asset, leaf.cumulative))));
    }

    function hashes(IRewardsDistributor.Leaf[] memory leaves) internal pure returns (bytes32[] memory result) {
        result = new bytes32[](leaves.length);
        for (uint256 i; i < leaves.length; ++i) result[i] = hashLeaf(leaves[i]);
    }

    /// The nodes, root first; sorted leaves fill the array from its end.
    function build(bytes32[] memory leafHashes) internal pure returns (bytes32[] memory nodes) {
        uint256 n = leafHashes.length;
        bytes32[] memory sorted = new bytes32[](n);
        for (uint256 i; i < n; ++i) {
            uint256 j = i;
            for (; j > 0 && sorted[j - 1] > leafHashes[i]; --j) sorted[j] = sorted[j - 1];
            sorted[j] = leafHashes[i];
        }
        nodes = new bytes32[](2 * n - 1);
        for (uint256 i; i < n; ++i) nodes[2 * n - 2 - i] = sorted[i];
        for (uint256 i = n - 1; i > 0; --i) nodes[i - 1] = pair(nodes[2 * i - 1], nodes[2 * i]);
    }

    function root(IRewardsDistributor.Leaf[] memory leaves) internal pure returns (bytes32) {
        return build(hashes(leaves))[0];
    }

    function positionOf(bytes32[] memory nodes, bytes32 hash) internal pure returns (uint256) {
        for (uint256 i = nodes.length; i > nodes.length / 2; --i) if (nodes[i - 1] == hash) return i - 1;
        revert("no such leaf");
    }

    function proof(IRewardsDistributor.Leaf[] memory leaves, uint256 index) internal pure returns (bytes32[] memory) {
        bytes32[] memory nodes = build(hashes(leaves));
        return proofAt(nodes, positionOf(nodes, hashLeaf(leaves[index])));
    }

    function proofAt(bytes32[] memory nodes, uint256 position) internal pure returns (bytes32[] memory result) {
        uint256 depth;
        for (uint256 p = position; p > 0; p = (p - 1) / 2) ++depth;
        result = new bytes32[](depth);
        for (uint256 i; i < depth; ++i) {
            result[i] = nodes[sibling(position)];
            position = (position - 1) / 2;
        }
    }

    /// The multiproof of the chosen leaves, and these in the order in which it takes them.
    function multiproof(IRewardsDistributor.Leaf[] memory leaves, uint256[] memory chosen)
        internal
        pure
        returns (IRewardsDistributor.Leaf[] memory taken, bytes32[] memory siblings, bool[] memory flags)
    {
        bytes32[] memory nodes = build(hashes(leaves));
        uint256[] memory queue = new uint256[](chosen.length + nodes.length);
        taken = new IRewardsDistributor.Leaf[](chosen.length);
        for (uint256 i; i < chosen.length; ++i) {
            uint256 position = positionOf(nodes, hashLeaf(leaves[chosen[i]]));
            uint256 j = i;
            for (; j > 0 && queue[j - 1] < position; --j) (queue[j], taken[j]) = (queue[j - 1], taken[j - 1]);
            (queue[j], taken[j]) = (position, leaves[chosen[i]]);
        }
        (siblings, flags) = walk(nodes, queue, chosen.length);
    }

    function walk(bytes32[] memory nodes, uint256[] memory queue, uint256 back)
        internal
        pure
        returns (bytes32[] memory siblings, bool[] memory flags)
    {
        siblings = new bytes32[](nodes.length);
        flags = new bool[](nodes.length);
        (uint256 front, uint256 used, uint256 steps) = (0, 0, 0);
        while (queue[front] > 0) {
            uint256 position = queue[front++];
            flags[steps] = front < back && queue[front] == sibling(position);
            if (flags[steps++]) ++front;
            else siblings[used++] = nodes[sibling(position)];
            queue[back++] = (position - 1) / 2;
        }
        assembly ("memory-safe") {
            mstore(siblings, used)
            mstore(flags, steps)
        }
    }

    function sibling(uint256 position) private pure returns (uint256) {
        return position % 2 == 0 ? position - 1 : position + 1;
    }

    function pair(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(abi.encodePacked(a, b)) : keccak256(abi.encodePacked(b, a));
    }
}
