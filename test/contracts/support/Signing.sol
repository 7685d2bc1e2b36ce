// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRewardsDistributor} from "../../../contracts/IRewardsDistributor.sol";
import {IPool} from "./Pool.sol";
import {vm} from "./Vm.sol";

/// EIP-712 digests written out once more, and signatures good and bad.
library Signing {
    uint256 private constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    function domain(IPool distributor, uint256 chainId) internal pure returns (bytes32) {
        bytes32 typeHash =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        return keccak256(
            abi.encode(typeHash, keccak256("Payroot"), keccak256("1"), chainId, address(distributor))
        );
    }

    function recordDigest(IPool distributor, IRewardsDistributor.EpochRecord memory record)
        internal
        view
        returns (bytes32)
    {
        return recordDigest(distributor, record, block.chainid);
    }

    function recordDigest(
        IPool distributor,
        IRewardsDistributor.EpochRecord memory record,
        uint256 chainId
    ) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domain(distributor, chainId), distributor.hashRecord(record)));
    }

    struct Permission {
        address account;
        address recipient;
        uint256 nonce;
        uint256 deadline;
    }

    function recipientDigest(IPool distributor, Permission memory permission, uint256 chainId)
        internal
        pure
        returns (bytes32)
    {
        bytes32 typeHash =
            keccak256("SetRecipient(address account,address recipient,uint256 nonce,uint256 deadline)");
        bytes32 structHash = keccak256(abi.encode(typeHash, permission));
        return keccak256(abi.encodePacked(hex"1901", domain(distributor, chainId), structHash));
    }

    function sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// The other signature that the curve's symmetry gives for the same key and digest.
    function malleate(bytes memory signature) internal pure returns (bytes memory) {
        bytes32 r;
        uint256 s;
        uint8 v;
        assembly ("memory-safe") {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
            v := byte(0, mload(add(signature, 96)))
        }
        return abi.encodePacked(r, ORDER - s, v == 27 ? uint8(28) : uint8(27));
    }

    function ascending(uint256[3] memory keys) internal pure returns (uint256[] memory sorted) {
        sorted = new uint256[](3);
        for (uint256 i; i < 3; ++i) {
            uint256 j = i;
            for (; j > 0 && vm.addr(sorted[j - 1]) > vm.addr(keys[i]); --j) sorted[j] = sorted[j - 1];
            sorted[j] = keys[i];
        }
    }
}
