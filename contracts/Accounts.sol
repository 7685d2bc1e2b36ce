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
    /// One slot: a repeat claim of ETH touches no other of the account. 2⁹⁶ wei is more than will ever exist.
    struct Account {
        address recipient;
        uint96 claimedEth;
    }

    mapping(address account => uint256) private _accounts;
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
    function recipientOf(address account) public view returns (address) {
        (, address recipient) = _account(account, Asset.ETH);
        return recipient == address(0) ? account : recipient;
    }

    /// @inheritdoc IRewardsDistributor
    function claimed(address account, address asset) public view returns (uint256 received) {
        (received,) = _account(account, asset);
    }

    function _account(address account, address asset) internal view returns (uint256 received, address recipient) {
        uint256 word = _accounts[account];
        return (asset == Asset.ETH ? word >> 160 : _claimedTokens[account][asset], address(uint160(word)));
    }

    /// The caller keeps `cumulative` of ETH below 2⁹⁶.
    function _setAccount(address account, address asset, uint256 cumulative, address recipient) internal {
        if (asset == Asset.ETH) _accounts[account] = cumulative << 160 | uint160(recipient);
        else _claimedTokens[account][asset] = cumulative;
    }

    /// Whether `signer`, a key or an ERC-1271 contract, signed the EIP-712 struct for this contract on this chain.
    function _checkSignature(address signer, bytes32 structHash, bytes calldata signature) internal view {
        bytes32 digest = _hashTypedDataV4(structHash);
        if (!SignatureChecker.isValidSignatureNowCalldata(signer, digest, signature)) revert InvalidSignature(signer);
    }

    function _setRecipient(address account, address recipient) private {
        if (recipient == address(this)) revert InvalidRecipient(recipient);
        (uint256 received,) = _account(account, Asset.ETH);
        _setAccount(account, Asset.ETH, received, recipient);
        emit RecipientSet(account, recipient);
    }
}
