// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRewardsDistributor} from "./IRewardsDistributor.sol";

/// @title Every byte layout that programs outside the chain reproduce: EIP-712 structs and the leaves of both trees
abstract contract Encoding is IRewardsDistributor {
    bytes32 private constant ASSET_TOTAL_TYPE = keccak256("AssetTotal(address asset,uint256 cumulative)");
    bytes32 private constant EPOCH_RECORD_TYPE = keccak256(
        "EpochRecord(uint256 epoch,bytes32 previous,bytes32 root,bytes32 earningsRoot,bytes32 manifestHash,"
        "AssetTotal[] totals)AssetTotal(address asset,uint256 cumulative)"
    );
    bytes32 private constant SET_RECIPIENT_TYPE =
        keccak256("SetRecipient(address account,address recipient,uint256 nonce,uint256 deadline)");

    /// @inheritdoc IRewardsDistributor
    function hashRecord(EpochRecord calldata record) public pure returns (bytes32) {
        bytes32[] memory totals = new bytes32[](record.totals.length);
        for (uint256 i; i < totals.length; ++i) {
            totals[i] = keccak256(abi.encode(ASSET_TOTAL_TYPE, record.totals[i]));
        }
        return keccak256(
            abi.encode(
                EPOCH_RECORD_TYPE,
                record.epoch,
                record.previous,
                record.root,
                record.earningsRoot,
                record.manifestHash,
                keccak256(abi.encodePacked(totals))
            )
        );
    }

    /// @inheritdoc IRewardsDistributor
    function hashLeaf(Leaf calldata leaf) public pure returns (bytes32 hash) {
        // Hashed twice, so that no inner node, which is hashed once, can pass as a leaf.
        assembly ("memory-safe") {
            let encoded := mload(0x40)
            calldatacopy(encoded, leaf, 96)
            mstore(0, keccak256(encoded, 96))
            hash := keccak256(0, 32)
        }
    }

    /// @inheritdoc IRewardsDistributor
    function hashEarning(uint256 epoch, address account, address asset, uint256 earned) public pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(epoch, account, asset, earned))));
    }

    /// The EIP-712 struct hash of a permission to set a recipient.
    function _hashSetRecipient(address account, address recipient, uint256 nonce, uint256 deadline)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(SET_RECIPIENT_TYPE, account, recipient, nonce, deadline));
    }
}
