// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {Asset} from "./Asset.sol";
import {Encoding} from "./Encoding.sol";
import {IRewardsDistributor} from "./IRewardsDistributor.sol";

/// @title What the distributor knows of each account: where its payments go and what it received
abstract contract Accounts is Encoding, EIP712("Payroot", "1"), Nonces {
    /// The recipient (160 bits) below the ETH claimed (96 bits): a repeat claim of ETH touches one slot of the account.
    mapping(address account => uint256) private _packed;
    mapping(address account => mapping(address asset => uint256)) private _claimedTokens;

    /// @inheritdoc IRewardsDistributor
    function setRecipient(address recipient) external {
        _useNonce(msg.sender);
        _setRecipient(msg.sender, recipient);
    }

    /// @inheritdoc IRewardsDistributor
    function setRecipientWithSig(address account, address recipient, uint256 deadline, bytes calldata signature)
        external
    {
        if (block.timestamp > deadline) revert SignatureExpired(deadline, block.timestamp);
        _checkSignature(account, _hashSetRecipient(account, recipient, _useNonce(account), deadline), signature);
        _setRecipient(account, recipient);
    }

    /// @inheritdoc IRewardsDistributor
    function recipientOf(address account) external view returns (address) {
        (, address recipient) = _read(account, Asset.ETH);
        return recipient == address(0) ? account : recipient;
    }

    /// @inheritdoc IRewardsDistributor
    function claimed(address account, address asset) external view returns (uint256 amount) {
        (amount,) = _read(account, asset);
    }

    /// What the account received of the asset, and the recipient it set: zero for itself.
    function _read(address account, address asset) internal view returns (uint256 amount, address recipient) {
        uint256 packed = _packed[account];
        return (asset == Asset.ETH ? packed >> 160 : _claimedTokens[account][asset], address(uint160(packed)));
    }

    /// @dev WARNING: The caller keeps amounts of ETH below 2⁹⁶. With a token, `recipient` is left as it is.
    function _write(address account, address asset, uint256 amount, address recipient) internal {
        if (asset == Asset.ETH) _packed[account] = amount << 160 | uint160(recipient);
        else _claimedTokens[account][asset] = amount;
    }

    /// That `signer`, a key or an ERC-1271 contract, signed the EIP-712 struct for this contract on this chain.
    function _checkSignature(address signer, bytes32 structHash, bytes calldata signature) internal view {
        bytes32 digest = _hashTypedDataV4(structHash);
        if (!SignatureChecker.isValidSignatureNowCalldata(signer, digest, signature)) revert InvalidSignature(signer);
    }

    function _setRecipient(address account, address recipient) private {
        if (recipient == address(this)) revert InvalidRecipient(recipient);
        (uint256 amount,) = _read(account, Asset.ETH);
        _write(account, Asset.ETH, amount, recipient);
        emit RecipientSet(account, recipient);
    }
}
